/**
 * One partial result of a window without a key, as an object and as entries of a store.
 *
 *     id                → n, event times, offset, row of scalars
 *     id 01 slot number → a block of the members of a set: see `member-blocks.ts`
 *     ff                → Progress, of the second phase
 *
 *     id          pane, first end (8 bytes each), partition, length of topic (4 each), topic
 */
import type { StoreDefinition } from '../../state/contract.ts'
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { MemberSink, Row, RowAggregation } from '../aggregators/row.ts'
import { assert } from '../assert.ts'
import type { Offset, Timestamp } from '../ids.ts'
import { steadyList, steadyMap } from '../steady-list.ts'
import { type KeptMembers, makeMembers } from './kept-members.ts'
import { MarkVector } from './mark-vector.ts'
import { MemberBlock, MemberBlocks } from './member-blocks.ts'
import type { Members } from './member-list.ts'
import { MemberSet, type MemberTail } from './member-set.ts'
import { idOf, type PartialId } from './partial-id.ts'
import type { SpareSets } from './spare-sets.ts'

const noSets: readonly (Members | undefined)[] = steadyList()

/** Cumulative; by slot of the row, a set of members or nothing. */
export class Partial implements PartialId, MemberSink {
  readonly pane: Timestamp
  readonly end: Timestamp
  readonly topic: string
  readonly partition: number
  /** One past the input offset that it reflects. */
  at: Offset = 0
  n = 0
  first: Timestamp = Number.POSITIVE_INFINITY
  last: Timestamp = Number.NEGATIVE_INFINITY
  row: Row
  sets: readonly (Members | undefined)[]
  /** First phase: how many of its records were sent; for counters only. */
  sent = 0
  /** By slot, where there is a set: how it lies in the store. */
  readonly blocks: readonly (MemberBlocks | undefined)[]
  /** First phase: members not sent yet, by slot; undefined: none was. */
  #unsent: readonly (MemberTail | undefined)[] | undefined
  isDirty = false
  /** Whether the store may hold something of it. */
  isStored = false

  /**
   * @param kept members each once, or, for those who unite them later, as they come
   * @param spare where sets are taken from first
   */
  constructor(
    id: PartialId,
    aggregation: RowAggregation,
    kept: KeptMembers = 'once',
    spare?: SpareSets
  ) {
    this.pane = id.pane
    this.end = id.end
    this.topic = id.topic
    this.partition = id.partition
    this.row = aggregation.init()
    this.sets = steadyMap(
      aggregation.fields,
      ({ member }, slot) => member && (spare?.take(slot) ?? makeMembers(kept))
    )
    this.blocks = steadyMap(this.sets, (set) => set && new MemberBlocks(set))
  }

  addMember(slot: number, member: string): boolean {
    const set = this.sets[slot]
    assert(set instanceof MemberSet, 'members are added each once')
    return set.add(member)
  }

  /** Members, by slot, that were not taken before. */
  get unsent(): readonly (MemberTail | undefined)[] {
    this.#unsent ??= this.#tails(0)
    return this.#unsent
  }

  /** Gives its sets away, at its end. */
  leave(): readonly (Members | undefined)[] {
    const { sets } = this
    this.sets = noSets
    return sets
  }

  /** The members that it has now were sent. */
  markSent(): void {
    this.#unsent = this.#tails()
  }

  #tails(from?: number): readonly (MemberTail | undefined)[] {
    return steadyMap(this.sets, (set) =>
      set instanceof MemberSet ? set.tail(from ?? set.size) : undefined
    )
  }
}

/** Entries of the store: a partial, members of one, or what the second phase has emitted. */
export type Stored = Partial | MemberBlock | Progress

/** Second phase: how far its producers are, and what it has emitted. Changed in place. */
export class Progress {
  readonly vector: MarkVector
  /** The last end that was emitted or passed over. */
  cursor: Timestamp | undefined

  constructor(vector: MarkVector, cursor?: Timestamp) {
    this.vector = vector
    this.cursor = cursor
  }
}

const partialVersion = 1
const progressVersion = 2
const blockVersion = 3

/** A partial as the store gave it, with the id that its key says. */
export function restored(
  record: Partial,
  key: string,
  aggregation: RowAggregation,
  kept: KeptMembers
): Partial {
  const partial = new Partial(idOf(key), aggregation, kept)
  const { at, n, first, last, row, sent } = record
  return Object.assign(partial, { at, n, first, last, row, sent, isStored: true })
}

/** The store of either phase: what it holds is kept in memory by its owner. */
export function partialsDefinition(
  name: string,
  aggregation: RowAggregation
): StoreDefinition<Stored> {
  const writer = new ByteWriter()
  return {
    name,
    logged: true,
    cached: false,
    codec: {
      encode(value) {
        if (value instanceof MemberBlock) value.write(writer.u8(blockVersion))
        else if (value instanceof Progress) writeProgress(writer, value)
        else writePartial(writer, value, aggregation)
        return writer.passing()
      },
      decode(bytes) {
        const reader = new ByteReader(bytes)
        const version = reader.u8()
        if (version === blockVersion) return MemberBlock.read(reader)
        return version === progressVersion ? readProgress(reader) : readPartial(reader, aggregation)
      },
    },
  }
}

function writePartial(writer: ByteWriter, partial: Partial, aggregation: RowAggregation): void {
  const { at, sent, n, first, last, row } = partial
  writer.u8(partialVersion).count(at).count(sent).count(n).float64(first).float64(last)
  aggregation.write(writer, row)
}

function readPartial(reader: ByteReader, aggregation: RowAggregation): Partial {
  const partial = new Partial({ pane: 0, end: 0, topic: '', partition: 0 }, aggregation)
  const [at, sent, n] = [reader.count(), reader.count(), reader.count()]
  const [first, last] = [reader.float64(), reader.float64()]
  return Object.assign(partial, { at, sent, n, first, last, row: aggregation.read(reader) })
}

function writeProgress(writer: ByteWriter, { vector, cursor }: Progress): void {
  vector.write(writer.u8(progressVersion).float64(cursor ?? Number.NaN))
}

function readProgress(reader: ByteReader): Progress {
  const cursor = reader.float64()
  return new Progress(MarkVector.read(reader), Number.isNaN(cursor) ? undefined : cursor)
}
