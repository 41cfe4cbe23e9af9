/** A record with bytes of its own, as a place in a batch. */
import { present } from '../../src/assert.ts'
import type { BytesReader, RecordCursor, RecordHeaders } from '../../src/record.ts'

export class HeldRecord implements RecordCursor {
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: RecordHeaders

  constructor(
    fields: Partial<Pick<RecordCursor, 'offset' | 'timestamp' | 'key' | 'value' | 'headers'>>
  ) {
    this.offset = fields.offset ?? 0
    this.timestamp = fields.timestamp ?? 1
    this.key = fields.key ?? null
    this.value = fields.value ?? null
    this.headers = fields.headers ?? []
  }

  get keyLength(): number {
    return this.key?.length ?? -1
  }

  get valueLength(): number {
    return this.value?.length ?? -1
  }

  readKey<T>(read: BytesReader<T>): T {
    return read(present(this.key, 'a key'), 0, this.keyLength)
  }

  readValue<T>(read: BytesReader<T>): T {
    return read(present(this.value, 'a value'), 0, this.valueLength)
  }

  readHeader<T>(name: Uint8Array, read: BytesReader<T>): T | undefined {
    const wanted = Buffer.from(name).toString()
    const value = this.headers.find(([one, bytes]) => one === wanted && bytes !== null)?.[1]
    return value ? read(value, 0, value.length) : undefined
  }
}
