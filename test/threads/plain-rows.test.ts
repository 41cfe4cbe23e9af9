import { describe, expect, it } from 'vitest'
import type { ReadableStore } from '../../src/processor/readable.ts'
import type { Serde } from '../../src/serde/serde.ts'
import {
  fromPlainQuery,
  fromPlainRow,
  toPlainQuery,
  toPlainRow,
} from '../../src/threads/plain-rows.ts'

class UserId {
  readonly id: string

  constructor(id: string) {
    this.id = id
  }
}

const userIds: Serde<UserId> = {
  name: 'user-id',
  serialize: ({ id }) => Buffer.from(id),
  deserialize: (bytes) => new UserId(Buffer.from(bytes).toString()),
}
const store: ReadableStore = { name: 'users', kind: 'key-value', key: userIds as Serde<unknown> }

describe('rows on their way between threads', () => {
  it('come as what they were, keys with their class', () => {
    const value = { n: 3n, at: new Date(7), tags: new Set(['a']), raw: Uint8Array.of(1, 2) }
    const row = { key: new UserId('ann'), window: { start: 0, end: 5 }, value, timestamp: 9 }
    const found = fromPlainRow(store, structuredClone(toPlainRow(store, row)))
    expect(found).toEqual(row)
    expect(found.key).toBeInstanceOf(UserId)
  })

  it.each([
    ['a class', { deep: [new UserId('ann')] }],
    ['a function', { run: () => 1 }],
    ['a class in a map', new Map([['a', new UserId('ann')]])],
  ])('are refused, not changed, if their value has %s', (_, value) => {
    expect(() => toPlainRow(store, { key: new UserId('ann'), value })).toThrow(
      expect.objectContaining({ code: 'MILLRACE_STORE_ROW_BOUND' }) as Error
    )
  })

  it('are asked for by the bytes of keys', () => {
    const queries = [
      {},
      { key: new UserId('ann') },
      { from: new UserId('a'), to: undefined },
      { key: new UserId('a'), times: { from: Number.NEGATIVE_INFINITY, to: 5 } },
      { asOf: 'ever' as const },
    ]
    for (const query of queries) {
      const found = fromPlainQuery(store, structuredClone(toPlainQuery(store, query)))
      expect(found).toEqual(query)
      // A query without a key asks for all of them.
      expect('key' in found).toBe('key' in query)
    }
  })
})
