import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameBuffers } from '../../src/kafka/frame-buffers.ts'
import { Frames } from '../../src/kafka/frames.ts'

/** An answer of so many bytes, each of them `fill`. */
function answer(bytes: number, fill: number): Buffer {
  const frame = Buffer.alloc(4 + bytes, fill)
  frame.writeInt32BE(bytes)
  return frame
}

/** Writes the stream as a socket would: never more than there is room for, or than a piece is. */
function write(frames: Frames, stream: Buffer, pieces: readonly number[]): void {
  for (let at = 0, index = 0; at < stream.length; index++) {
    const piece = pieces[index % pieces.length] ?? 1
    const { room } = frames
    if (room.length === 0) throw new Error('there is always room')
    const bytes = Math.min(room.length, piece, stream.length - at)
    room.set(stream.subarray(at, at + bytes))
    frames.take(bytes)
    at += bytes
  }
}

const sizes = fc.oneof(fc.nat(20), fc.nat(20_000), fc.nat(80_000))
const pieceSizes = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 70_000 }))

test('answers come whole and in order, however they are cut on the way', () => {
  fc.assert(
    fc.property(
      fc.array(sizes, { minLength: 1, maxLength: 8 }),
      fc.array(pieceSizes, { minLength: 3, maxLength: 9 }),
      (lengths, pieces) => {
        const sent = lengths.map((length, index) => answer(length, index + 1))
        const got: Buffer[] = []
        const frames = new Frames(new FrameBuffers(), (frame) => got.push(frame))
        write(frames, Buffer.concat(sent), pieces)
        expect(got).toHaveLength(sent.length)
        for (const [index, frame] of sent.entries()) expect(got[index]?.equals(frame)).toBe(true)
      }
    ),
    { numRuns: 60 }
  )
})

test('a long answer is read into its own place, and nothing behind it', () => {
  const got: Buffer[] = []
  const frames = new Frames(new FrameBuffers(), (frame) => got.push(frame))
  const long = answer(500_000, 7)
  write(frames, long.subarray(0, 100), [100])
  const { room } = frames
  expect(room).toHaveLength(long.length - 100)
  write(frames, Buffer.concat([long.subarray(100), answer(3, 8)]), [600_000])
  expect(got.map(({ length }) => length)).toEqual([500_004, 7])
  expect(got[0]?.buffer).toBe(room.buffer)
})

test('what was handed out stays as it is, whatever comes behind it', () => {
  const got: Buffer[] = []
  const frames = new Frames(new FrameBuffers(), (frame) => got.push(frame))
  write(frames, answer(10, 1), [14])
  write(frames, answer(10, 2), [14])
  expect(got.map((frame) => frame[13])).toEqual([1, 2])
})

test.each([-1, 0x48545450])('a size of %i is refused: that is not Kafka', (size) => {
  const frames = new Frames(new FrameBuffers(), () => undefined)
  const head = Buffer.alloc(4)
  head.writeInt32BE(size)
  expect(() => write(frames, head, [4])).toThrow(`An answer of ${size} bytes`)
})
