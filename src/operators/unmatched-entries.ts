/** The entries of a store of unmatched rows, as objects and as bytes. */
import type { StoreDefinition } from '../../state/contract.ts'
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { Timestamp } from '../ids.ts'

/** The values of a key and moment. */
export class Row {
  readonly values: Uint8Array[]

  constructor(values: Uint8Array[]) {
    this.values = values
  }
}

/** How far the join has come. */
export class JoinTime {
  observed: Timestamp
  /** What was observed when unmatched rows were last looked for. */
  lookedTo: Timestamp
  /** By the wall clock: when they are looked for again. */
  nextLookAt: Timestamp

  constructor(observed: Timestamp, lookedTo: Timestamp, nextLookAt: Timestamp) {
    this.observed = observed
    this.lookedTo = lookedTo
    this.nextLookAt = nextLookAt
  }
}

export type UnmatchedEntry = Row | JoinTime

export function unmatchedDefinition(name: string): StoreDefinition<UnmatchedEntry> {
  const writer = new ByteWriter()
  return {
    name,
    logged: true,
    codec: {
      encode(stored) {
        if (stored instanceof JoinTime) {
          const { observed, lookedTo, nextLookAt } = stored
          return writer.u8(1).float64(observed).float64(lookedTo).float64(nextLookAt).take()
        }
        writer.u8(0)
        for (const value of stored.values) writer.bytes(value)
        return writer.take()
      },
      decode(bytes) {
        const reader = new ByteReader(bytes)
        if (reader.u8() === 1) {
          const [observed, lookedTo] = [reader.float64(), reader.float64()]
          return new JoinTime(observed, lookedTo, reader.float64())
        }
        const values: Uint8Array[] = []
        while (!reader.isDone) values.push(new Uint8Array(reader.bytes()))
        return new Row(values)
      },
    },
  }
}
