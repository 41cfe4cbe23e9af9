import { expect, test } from 'vitest'
import { FrameBuffers } from '../../src/kafka/frame-buffers.ts'

const long = 300_000

function isSameMemory(one: Buffer, other: Buffer): boolean {
  return one.buffer === other.buffer
}

test('memory is used again once all that looked into it are done', () => {
  const buffers = new FrameBuffers()
  const first = buffers.take(long)
  const uses = [buffers.use(first.subarray(0, 10)), buffers.use(first.subarray(10))]
  uses[0]?.release()
  expect(isSameMemory(buffers.take(long), first)).toBe(false)
  uses[1]?.release()
  expect(isSameMemory(buffers.take(long), first)).toBe(true)
})

test('a use that is released twice counts once', () => {
  const buffers = new FrameBuffers()
  const first = buffers.take(long)
  const [one] = [buffers.use(first), buffers.use(first)]
  one?.release()
  one?.release()
  expect(isSameMemory(buffers.take(long), first)).toBe(false)
})

test('what was used in an earlier life is not released in a later one', () => {
  const buffers = new FrameBuffers()
  const early = buffers.use(buffers.take(long))
  early.release()
  const again = buffers.take(long)
  buffers.use(again)
  early.release()
  expect(isSameMemory(buffers.take(long), again)).toBe(false)
})

test('memory is taken again for what fits into it, and no shorter than asked for', () => {
  const buffers = new FrameBuffers()
  const first = buffers.take(long)
  buffers.use(first).release()
  const longer = buffers.take(1_000_000)
  expect([longer.length, isSameMemory(longer, first)]).toEqual([1_000_000, false])
  const shorter = buffers.take(100_000)
  expect([shorter.length, isSameMemory(shorter, first)]).toEqual([100_000, true])
})

test('no more is kept free than the bound', () => {
  const buffers = new FrameBuffers(1_000_000)
  const taken = [0, 1, 2].map(() => buffers.take(500_000))
  for (const one of taken) buffers.use(one).release()
  const again = [0, 1].map(() => buffers.take(500_000))
  expect(again.map((one) => taken.some((other) => isSameMemory(one, other)))).toEqual([true, false])
})

test('short and unknown bytes are nobody else’s business', () => {
  const buffers = new FrameBuffers()
  const short = buffers.take(100)
  buffers.use(short).release()
  buffers.use(Buffer.alloc(long)).release()
  expect(buffers.take(long)).toHaveLength(long)
})
