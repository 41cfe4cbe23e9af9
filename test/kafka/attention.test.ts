/** What one thread knows of another that may be busy. */
import { expect, it } from 'vitest'
import { Attention } from '../../src/kafka/attention.ts'

function setUp() {
  const clock = { now: 1_000 }
  const read = new Int32Array(new SharedArrayBuffer(4))
  return { clock, read, attention: new Attention(read, () => clock.now) }
}

it('who has been told nothing has left nothing unread', () => {
  const { clock, attention } = setUp()
  clock.now += 60_000
  expect(attention.unreadMs()).toBe(0)
})

it('silence counts from the first message that was not read', () => {
  const { clock, attention } = setUp()
  clock.now += 60_000
  attention.tell()
  clock.now += 300
  attention.tell()
  clock.now += 200
  expect(attention.unreadMs()).toBe(500)
})

it('silence ends when all is read, and begins anew with the next message', () => {
  const { clock, read, attention } = setUp()
  attention.tell()
  clock.now += 500
  Atomics.add(read, 0, 1)
  expect(attention.unreadMs()).toBe(0)
  clock.now += 500
  attention.tell()
  clock.now += 100
  expect(attention.unreadMs()).toBe(100)
})

it('who reads some of it, however late, is there', () => {
  const { clock, read, attention } = setUp()
  attention.tell()
  attention.tell()
  clock.now += 5_000
  expect(attention.unreadMs()).toBe(5_000)
  Atomics.add(read, 0, 1)
  expect(attention.unreadMs()).toBe(0)
  clock.now += 10
  expect(attention.unreadMs()).toBe(10)
})
