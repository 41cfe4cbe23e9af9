import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Codec,
  codecNumber,
  codecOf,
  compress,
  decompress,
  ensureCodec,
} from '../../src/kafka/compression.ts'

const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

test.each(codecs)('%s gives back what it was given', async (codec) => {
  await ensureCodec(codec)
  expect(codecOf(codecNumber(codec))).toBe(codec)
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 2_000 }), (bytes) => {
      expect(Buffer.from(bytes).equals(decompress(codec, compress(codec, bytes)))).toBe(true)
    }),
    { numRuns: 30 }
  )
  const large = Buffer.alloc(300_000, 'abcdefgh')
  const small = compress(codec, large)
  expect(decompress(codec, small).equals(large)).toBe(true)
  if (codec !== 'none') expect(small.length).toBeLessThan(large.length / 5)
})

test('snappy is framed as other clients expect, and read without a frame too', async () => {
  await ensureCodec('snappy')
  const framed = compress('snappy', Buffer.from('hello'))
  expect(framed.subarray(0, 16).toString('hex')).toBe('82534e41505059000000000100000001')
  expect(decompress('snappy', framed.subarray(20)).toString()).toBe('hello')
})

test('a codec from the future is refused', () => {
  expect(() => codecOf(5)).toThrow(
    expect.objectContaining({ code: 'MILLRACE_KAFKA_CODEC_UNKNOWN' })
  )
})
