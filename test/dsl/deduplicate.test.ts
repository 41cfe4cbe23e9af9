/** Duplicates, and where streams end: `deduplicate`, `forEach`, `print`. */
import { expect, it } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { openDriver } from '../runtime/open-driver.ts'
import { Random } from '../support/random.ts'
import { expectSameAfterCrashes } from './crashes.ts'
import { faultOf, out, texts } from './tools.ts'

/** The id is the text before the colon. */
function once(grace: '0ms' | '5s' = '0ms'): StreamsBuilder {
  const builder = new StreamsBuilder()
  builder
    .stream(texts)
    .deduplicate('once', { by: (text) => text.split(':')[0] || null, within: '10s', grace })
    .to(out)
  return builder
}

it('lets the first record of an id pass, and counts the others', async () => {
  const driver = await openDriver(once().build())
  const input = driver.input(texts)
  for (const [text, at] of [
    ['a:first', 20_000],
    ['b:first', 20_000],
    ['a:soon', 29_999],
    ['a:before', 10_001],
    [':no id', 20_000],
    [':no id', 20_000],
    ['a:late', 10_000],
    ['a:again', 30_000],
  ] as const) {
    await input.pipe('k', text, at)
  }
  const passed = driver.output(out).readPairs()
  const wanted = ['a:first', 'b:first', ':no id', ':no id', 'a:again']
  expect(passed.map(([, text]) => text)).toEqual(wanted)
  expect(driver.dropped()).toEqual({ duplicate: 2, late: 1 })
})

it('lets the others go on as something else', async () => {
  const builder = new StreamsBuilder()
  builder
    .stream(texts)
    .deduplicate('once', {
      by: (text) => text.slice(0, 1),
      within: '10s',
      others: (text, key, reason) => `${text} of ${key} is ${reason}`,
    })
    .to(out)
  const driver = await openDriver(builder.build())
  const records = [
    ['a', 30_000],
    ['a again', 31_000],
    ['b', 10_000],
    ['a', 40_000],
  ] as const
  for (const [text, at] of records) await driver.input(texts).pipe('k', text, at)
  const passed = driver.output(out).readPairs()
  const wanted = ['a', 'a again of k is duplicate', 'b of k is late', 'a']
  expect(passed.map(([, text]) => text)).toEqual(wanted)
  expect(driver.dropped()).toEqual({})
})

it('does what a look at all that passed would do, also after crashes', async () => {
  const random = new Random(7)
  const records = Array.from({ length: 18 }, (_, index) => ({
    id: random.pick(['a', 'b', 'c']),
    at: Math.max(0, index * 3_000 - random.below(20_000)),
  }))
  const passed: typeof records = []
  for (const record of records) {
    const newest = Math.max(...passed.map(({ at }) => at), Number.NEGATIVE_INFINITY)
    if (record.at <= newest - 15_000) continue
    const isTwin = ({ id, at }: typeof record): boolean =>
      id === record.id && Math.abs(at - record.at) < 10_000
    if (!passed.some(isTwin)) passed.push(record)
  }
  expect(passed.length).toBeLessThan(records.length)
  const found = await expectSameAfterCrashes({
    topology: () => once('5s').build(),
    output: out,
    steps: records.map(({ id, at }) => async (driver) => {
      await driver.input(texts).pipe('k', `${id}:`, at)
    }),
  })
  expect(found.map(([, text, at]) => [text, at])).toEqual(
    passed.map(({ id, at }) => [`${id}:`, at])
  )
})

it('forgets ids that nothing in time can repeat', async () => {
  const driver = await openDriver(once().build())
  for (let at = 0; at < 400_000; at += 10_000) await driver.input(texts).pipe('k', `${at}:`, at)
  expect((await driver.store('once').entries()).length).toBeLessThan(10)
})

it('takes a span above 0', () => {
  const stream = new StreamsBuilder().stream(texts)
  const call = () => stream.deduplicate('once', { by: (text) => text, within: '0s' })
  expect(faultOf(call).code).toBe('MILLRACE_WINDOW_INVALID')
})

it('prints records, and hands them to functions', async () => {
  const lines: string[] = []
  const seen: unknown[] = []
  const builder = new StreamsBuilder()
  builder.stream(texts).print({ label: 'texts', write: (line) => lines.push(line) })
  builder.stream(texts).forEach((text, key) => {
    seen.push([key, text])
  })
  const driver = await openDriver(builder.build())
  await driver.input(texts).pipe('k', 'a')
  expect(lines).toEqual(['[texts]: k, a\n'])
  expect(seen).toEqual([['k', 'a']])
})
