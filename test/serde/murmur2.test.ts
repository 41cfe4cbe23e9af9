/** The partitioner must agree with the Java client, or joins would look in the wrong partition. */
import { describe, expect, it } from 'vitest'
import { murmur2, partitionForKey } from '../../src/serde/murmur2.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('murmur2', () => {
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s as the Java client does', (text, hash) => {
    expect(murmur2(bytes(text))).toBe(hash)
  })

  it('never gives a negative partition, and always one that exists', () => {
    for (let i = 0; i < 1_000; i++) {
      const partition = partitionForKey(bytes(`key-${i}`), 7)
      expect(partition).toBeGreaterThanOrEqual(0)
      expect(partition).toBeLessThan(7)
    }
  })

  it('hashes an empty key and views into larger buffers', () => {
    const inside = new Uint8Array([9, 9, ...bytes('foobar'), 9]).subarray(2, 8)
    expect(murmur2(inside)).toBe(-790332482)
    expect(murmur2(new Uint8Array(0))).toBe(275646681)
  })
})
