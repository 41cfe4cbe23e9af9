/** Tables by key: what is kept, what is told, and how rows are grouped anew. */
import { afterEach, describe, expect, it } from 'vitest'
import { count, sum } from '../../src/aggregators/aggregators.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { data } from '../../src/serde/data.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { float64, string } from '../../src/serde/primitives.ts'
import { TopologyTestDriver } from '../../src/testing/index.ts'
import type { TestDriverOptions } from '../../src/testing/topology-test-driver.ts'
import { faultOf, texts } from './tools.ts'

interface User {
  readonly region: string | null
  readonly age: number
}

const users = topic('users', { key: nullable(string()), value: data<User>() })
const numbers = topic('numbers', { key: string(), value: float64(), create: true })
const words = topic('words', { key: string(), value: string(), create: true })

let driver: TopologyTestDriver | undefined

async function open(builder: StreamsBuilder, options?: TestDriverOptions) {
  driver = await TopologyTestDriver.open(builder.build(), options)
  return driver
}

afterEach(async () => {
  await driver?.close()
  driver = undefined
})

describe('a table', () => {
  it('keeps the last value of each key in the order of its topic', async () => {
    const builder = new StreamsBuilder()
    builder.table(texts, 'texts-by-key').toStream().to(words)
    const running = await open(builder)
    const input = running.input(texts)
    await input.pipe('a', 'new', 10)
    await input.pipe('a', 'late', 5)
    await input.pipe('b', 'other', 7)
    await input.pipe('b', null, 8)
    expect(running.output(words).readPairs()).toEqual([
      ['a', 'new'],
      ['a', 'late'],
      ['b', 'other'],
      ['b', null],
    ])
    const rows = await running.store('texts-by-key').entries()
    expect(rows).toEqual([['a', { value: 'late', timestamp: 5 }]])
  })

  it('drops records without a key, and counts them', async () => {
    const builder = new StreamsBuilder()
    builder
      .table(users, 'users')
      .mapValues(({ age }) => age)
      .toStream()
      .to(numbers)
    const running = await open(builder)
    await running.input(users).pipe(null, { region: 'x', age: 1 })
    await running.input(users).pipe('ann', { region: 'x', age: 2 })
    expect(running.output(numbers).readPairs()).toEqual([['ann', 2]])
    expect(running.dropped()).toEqual({ null_key: 1 })
  })

  it('tells of a row that passes a filter no longer, and of no row that never did', async () => {
    const builder = new StreamsBuilder()
    const table = builder.table(users, 'users')
    table
      .filter(({ age }) => age > 17)
      .mapValues(({ age }) => age)
      .toStream()
      .to(numbers)
    const running = await open(builder)
    const input = running.input(users)
    for (const age of [10, 20, 11, 12]) await input.pipe('ann', { region: 'x', age })
    expect(running.output(numbers).readPairs()).toEqual([
      ['ann', 20],
      ['ann', null],
    ])
  })

  it('without a store knows no row before, so a filter tells of all that do not pass', async () => {
    const builder = new StreamsBuilder()
    builder
      .table(texts)
      .filterNot((text) => text === 'no')
      .toStream()
      .to(words)
    const running = await open(builder)
    await running.input(texts).pipe('a', 'no')
    await running.input(texts).pipe('a', 'yes')
    expect(running.output(words).readPairs()).toEqual([
      ['a', null],
      ['a', 'yes'],
    ])
    expect(builder.build().subtopologies.flatMap(({ stores }) => stores)).toEqual([])
  })

  it('of a stream repartitions where the key has changed, and survives a crash', async () => {
    const builder = new StreamsBuilder()
    builder
      .stream(texts)
      .selectKey((text) => text.slice(0, 1))
      .toTable('by-letter')
      .filter((text) => text.length > 1)
      .stored('long-by-letter')
      .toStream()
      .to(words)
    const running = await open(builder, { partitions: 3 })
    const input = running.input(texts)
    await input.pipe('k', 'ab')
    await running.crash()
    await running.restart({ wipe: true })
    await input.pipe('l', 'a')
    expect(running.output(words).readPairs()).toEqual([
      ['a', 'ab'],
      ['a', null],
    ])
    expect(await running.store('by-letter').entries()).toMatchObject([['a', { value: 'a' }]])
    expect(await running.store('long-by-letter').entries()).toEqual([])
  })

  it('shows a gauge of rows made from it, under its own name', async () => {
    const builder = new StreamsBuilder()
    const table = builder.table(users, 'users')
    const gauge = (name: string) => ({ name, help: '', value: ({ age }: User) => age })
    table.toGauge(gauge('age'))
    table.filter(({ age }) => age > 17).toGauge(gauge('adult_age'))
    const running = await open(builder)
    await running.input(users).pipe('ann', { region: 'x', age: 30 })
    await running.input(users).pipe('ann', { region: 'x', age: 3 })
    expect(running.gauge('age')).toBe(3)
    expect(running.gauge('adult_age')).toBeUndefined()
  })

  it('is the only reader of its topic', () => {
    const builder = new StreamsBuilder()
    builder.stream(texts).to(words)
    builder.table(texts, 'texts-by-key').toStream().to(words)
    const { code, message } = faultOf(() => builder.build())
    expect(code).toBe('MILLRACE_TOPIC_READ_TWICE')
    expect(message).toContain('its toStream() is the stream of the topic')
  })
})

describe('a grouped table', () => {
  const move = async (running: TopologyTestDriver) => {
    const input = running.input(users)
    await input.pipe('ann', { region: 'north', age: 30 }, 10)
    await input.pipe('bob', { region: 'north', age: 40 }, 20)
    await input.pipe('ann', { region: 'south', age: 31 }, 15)
    await input.pipe('bob', { region: 'north', age: 41 }, 5)
    await input.pipe('ann', null, 30)
    await input.pipe('bob', { region: null, age: 42 }, 31)
  }

  it('takes a row out of the group it leaves before it adds it to the next', async () => {
    const builder = new StreamsBuilder()
    builder
      .table(users, 'users')
      .groupBy(({ region, age }) => ({ key: region, value: age }))
      .count('users-by-region')
      .toStream()
      .to(numbersOf('counts'))
    const running = await open(builder)
    await move(running)
    const rows = running.output(numbersOf('counts')).readAll()
    expect(rows.map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual([
      ['north', 1, 10],
      ['north', 2, 20],
      ['north', 1, 20],
      ['south', 1, 15],
      ['north', 1, 20],
      ['south', 0, 30],
      ['north', 0, 31],
    ])
  })

  it('reduces, aggregates by steps, and by names', async () => {
    const builder = new StreamsBuilder()
    const byRegion = builder
      .table(users, 'users')
      .groupBy(({ region, age }) => ({ key: region, value: age }))
    byRegion.reduce(
      'summed',
      (kept, age) => kept + age,
      (kept, age) => kept - age
    )
    byRegion.aggregate(
      'listed',
      () => [] as number[],
      (list, age) => [...list, age],
      (list, age) => list.filter((one) => one !== age)
    )
    byRegion.aggregate('named', { users: count(), years: sum((age) => age) })
    const running = await open(builder)
    await move(running)
    const stored = async (name: string) =>
      (await running.store<{ state: unknown }>(name).entries()).map(([key, { state }]) => [
        key,
        state,
      ])
    expect(await stored('summed')).toEqual([
      ['north', 0],
      ['south', 0],
    ])
    expect(await stored('listed')).toEqual([
      ['north', []],
      ['south', []],
    ])
    expect(await stored('named')).toEqual([
      ['north', [0, 0]],
      ['south', [0, 0]],
    ])
  })

  function numbersOf(name: string) {
    return topic(name, { key: string(), value: data<number>(), create: true })
  }
})
