/** Whose time it is by which windows close, where a task reads several topics. */
import { expect, test } from 'vitest'
import type { KStream } from '../../src/dsl/k-stream.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { string } from '../../src/serde/primitives.ts'
import { TopologyTestDriver } from '../../src/testing/topology-test-driver.ts'
import { tumbling } from '../../src/windows/windows.ts'
import { out, texts } from './tools.ts'

const names = topic('names', { key: string(), value: string() })
const others = topic('others', { key: string(), value: string() })
const minute = tumbling('1m', { idle: '5m' }).emit('final')

const wide = { partitions: { texts: 2, names: 2, others: 4 } }

/** Windows of texts that have met a table, whose topic is the task's as well. */
async function openJoined() {
  const builder = new StreamsBuilder()
  const named = builder
    .stream(texts)
    .leftJoin(builder.table(names), (text, name) => `${text} of ${name ?? 'nobody'}`)
  countByMinute(named)
  return await TopologyTestDriver.open(builder.build(), wide)
}

function countByMinute(stream: KStream<string, string>): void {
  stream
    .windowedBy(minute)
    .count('texts-1m')
    .toStream()
    .map((n, { window }) => ({ key: String(window.start / 60_000), value: `${n}` }))
    .to(out)
}

test('a table beside a stream does not hold its windows open', async () => {
  const driver = await openJoined()
  await driver.input(names).pipe('ann', 'Ann', 0)
  const input = driver.input(texts)
  for (const key of ['ann', 'bob', 'cem', 'dan']) await input.pipe(key, 'hello', 30_000)
  for (const key of ['ann', 'bob', 'cem', 'dan']) await input.pipe(key, 'later', 60_000)
  expect(driver.output(out).readPairs()).toEqual([['0', '4']])
  await driver.close()
})

test('nor does one that changes all the time keep a silent stream awake', async () => {
  const driver = await openJoined()
  for (const key of ['ann', 'bob', 'cem', 'dan']) await driver.input(texts).pipe(key, 'hello', 0)
  for (let i = 1; i <= 20; i++) {
    await driver.advanceWallClock('1m')
    for (const key of ['ann', 'bob', 'cem']) await driver.input(names).pipe(key, `name ${i}`)
  }
  expect(driver.output(out).readPairs()).toEqual([['0', '4']])
  await driver.close()
})

test('tasks that read nothing of a window do not hold it open', async () => {
  const builder = new StreamsBuilder()
  const stream = builder.stream(texts)
  stream.merge(builder.stream(others)).mapValues((text) => text.length)
  countByMinute(stream)
  const driver = await TopologyTestDriver.open(builder.build(), wide)
  const input = driver.input(texts)
  for (const key of ['ann', 'bob', 'cem', 'dan']) await input.pipe(key, 'hello', 30_000)
  for (const key of ['ann', 'bob', 'cem', 'dan']) await input.pipe(key, 'later', 60_000)
  expect(driver.output(out).readPairs()).toEqual([['0', '4']])
  await driver.close()
})
