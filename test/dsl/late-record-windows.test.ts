/** Late records of sessions and sliding windows, which still take a record at their very end. */
import { expect, it } from 'vitest'
import type { KStream } from '../../src/dsl/k-stream.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { session, sliding } from '../../src/windows/record-windows.ts'
import { openDriver } from '../runtime/open-driver.ts'
import { out, texts } from './tools.ts'

const late = { late: (records: KStream<string, string>): void => records.to(out) }

it('comes out of sessions once their end, gap and grace are passed', async () => {
  const builder = new StreamsBuilder()
  const grouped = builder.stream(texts).groupByKey()
  grouped.windowedBy(session('10ms', { grace: '5ms' }), late).count('visits')
  const driver = await openDriver(builder.build())
  const input = driver.input(texts)
  await input.pipe('k', 'opens', 100)
  await input.pipe('other', 'moves time to the very end', 115)
  await input.pipe('k', 'still joins', 100)
  await input.pipe('other', 'moves time past it', 116)
  await input.pipe('k', 'late', 100)
  await input.pipe('k', 'far enough to be in time', 101)
  expect(driver.output(out).readPairs()).toEqual([['k', 'late']])
  expect(driver.dropped()).toEqual({ late: 1 })
})

it('comes out of sliding windows once their end and grace are passed', async () => {
  const builder = new StreamsBuilder()
  const grouped = builder.stream(texts).groupByKey()
  grouped.windowedBy(sliding('10ms', { grace: '5ms' }), late).count('bursts')
  const driver = await openDriver(builder.build())
  const input = driver.input(texts)
  await input.pipe('k', 'opens', 100)
  await input.pipe('other', 'moves time to the very end', 115)
  await input.pipe('k', 'still counts', 100)
  await input.pipe('other', 'moves time past it', 116)
  await input.pipe('k', 'late', 100)
  expect(driver.output(out).readPairs()).toEqual([['k', 'late']])
  expect(driver.dropped()['late']).toBeGreaterThan(0)
})
