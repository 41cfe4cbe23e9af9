/** What a task knows of the tasks upstream. */
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/aggregators/bytes.ts'
import { MarkVector } from '../../src/operators/mark-vector.ts'

const never = Number.NEGATIVE_INFINITY

test('nothing is said before everybody has been heard of, and the slowest decides', () => {
  const vector = new MarkVector(2)
  expect(vector.take(0, 50)).toBe(true)
  expect(vector.minimum()).toBe(never)
  vector.take(1, 30)
  expect(vector.minimum()).toBe(30)
  expect(vector.take(1, 20)).toBe(false)
  expect(vector.minimum()).toBe(30)
})

test('empty holds nobody back, but nothing closes while all are empty', () => {
  const vector = new MarkVector(2)
  vector.take(0, 'empty')
  vector.take(1, 'empty')
  expect(vector.minimum()).toBe(never)
  vector.take(1, 40)
  expect(vector.minimum()).toBe(40)
})

test('any message ends empty, and holds back until a time follows', () => {
  const vector = new MarkVector(2)
  vector.take(0, 'empty')
  vector.take(1, 40)
  expect(vector.heard(0)).toBe(true)
  expect(vector.heard(0)).toBe(false)
  expect(vector.minimum()).toBe(never)
  expect(vector.take(0, 'empty')).toBe(false)
  expect(vector.minimum()).toBe(never)
  vector.take(0, 10)
  expect([vector.minimum(), vector.timeOf(0)]).toEqual([10, 10])
  expect(vector.take(0, 'empty')).toBe(false)
  expect(vector.minimum()).toBe(10)
})

test('it survives being written, also when there are more producers then', () => {
  const vector = new MarkVector(4)
  vector.take(0, 7)
  vector.take(1, 'empty')
  vector.take(2, 'empty')
  vector.heard(2)
  const writer = new ByteWriter()
  vector.write(writer)
  const known = MarkVector.read(new ByteReader(writer.take()))
  expect(known).toEqual(vector)
  const grown = new MarkVector(5, known)
  for (const task of [2, 3, 4]) {
    expect(grown.minimum()).toBe(never)
    grown.take(task, 9)
  }
  expect(grown.minimum()).toBe(7)
  expect(() => grown.take(5, 1)).toThrow(/one of the 5/)
})
