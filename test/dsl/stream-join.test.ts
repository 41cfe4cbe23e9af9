/** Joins of two streams, through the DSL. */
import { describe, expect, it } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { string } from '../../src/serde/primitives.ts'
import { within } from '../../src/windows/join-window.ts'
import { openDriver } from '../runtime/open-driver.ts'
import { expectSameAfterCrashes } from './crashes.ts'
import { faultOf, nodeOf } from './tools.ts'

const lefts = topic('left', { key: nullable(string()), value: string() })
const rights = topic('right', { key: nullable(string()), value: string() })
const out = topic('out', { key: nullable(string()), value: string(), create: true })
const pair = (left: string | null, right: string | null): string => `${left}+${right}`

function outer(): StreamsBuilder {
  const builder = new StreamsBuilder()
  builder
    .stream(lefts)
    .outerJoin('pairs', builder.stream(rights), within('10ms', { grace: '5ms' }), pair)
    .to(out)
  return builder
}

describe('a join of two streams', () => {
  it('comes to the same whatever crashes in between', async () => {
    const records = [
      [lefts, 'a', 'l0', 0],
      [rights, 'a', 'r1', 5],
      [lefts, 'b', 'l2', 6],
      [lefts, 'a', 'l3', 12],
      [rights, 'b', 'r4', 30],
      [rights, null, 'r5', 31],
      [lefts, 'b', 'l6', 32],
      [rights, 'a', 'r7', 60],
      [lefts, 'a', 'l8', 100],
    ] as const
    const calm = await expectSameAfterCrashes({
      topology: () => outer().build(),
      output: out,
      steps: records.map(([from, key, value, at]) => async (driver) => {
        await driver.input(from).pipe(key, value, at)
      }),
    })
    expect(calm).toEqual([
      ['a', 'l0+r1', 5],
      ['a', 'l3+r1', 12],
      ['b', 'l2+null', 6],
      [null, 'null+r5', 31],
      ['b', 'l6+r4', 32],
      ['a', 'null+r7', 60],
    ])
  })

  it('has nodes and stores that are named after it', () => {
    const topology = outer().build()
    expect(nodeOf(topology, 'pairs-merge').stores).toEqual([
      'pairs-outer-this-join-store',
      'pairs-outer-other-join-store',
      'pairs-outer-shared-join-store',
    ])
    expect(nodeOf(topology, 'pairs-this-windowed').children).toEqual(['pairs-outer-this-join'])
  })

  it('is refused where a key has changed, until the stream is repartitioned', async () => {
    const builder = new StreamsBuilder()
    const left = builder.stream(lefts).selectKey((value) => (value === '' ? null : value))
    const right = builder.stream(rights)
    left.leftJoin('pairs', right, within('10ms'), pair).to(out)
    expect(faultOf(() => builder.build())).toMatchObject({
      code: 'MILLRACE_JOIN_KEY_CHANGED',
      message: expect.stringContaining("repartition('pairs-left')"),
    })

    const mended = new StreamsBuilder()
    mended
      .stream(lefts)
      .selectKey((value) => (value === '' ? null : value))
      .repartition('pairs-left', { key: string(), nullKeys: 'keep' })
      .leftJoin('pairs', mended.stream(rights), within('10ms'), pair)
      .to(out)
    const driver = await openDriver(mended.build(), { partitions: 3 })
    await driver.input(lefts).pipe('x', 'a', 1)
    await driver.input(rights).pipe('a', 'r', 2)
    await driver.input(lefts).pipe('x', '', 3)
    expect(driver.output(out).readPairs()).toEqual([
      ['a', 'a+r'],
      [null, '+null'],
    ])
    expect(driver.dropped()).toEqual({})
  })

  it('refuses streams of another builder, and windows that hold nothing', () => {
    const foreign = new StreamsBuilder().stream(rights)
    const stream = new StreamsBuilder().stream(lefts)
    expect(faultOf(() => stream.join('pairs', foreign, within('1m'), pair)).code).toBe(
      'MILLRACE_GRAPH_FOREIGN'
    )
    expect(faultOf(() => within('1m', { before: '-2m' })).code).toBe('MILLRACE_WINDOW_INVALID')
  })

  it('with itself keeps one buffer if the build is optimized', async () => {
    const builder = new StreamsBuilder()
    const stream = builder.stream(lefts)
    stream.leftJoin('pairs', builder.stream(lefts), within('10ms'), pair).to(out)
    const stores = (optimize: boolean) =>
      builder.build({ optimize }).subtopologies.flatMap((one) => one.stores.map(({ name }) => name))
    expect(stores(true)).toEqual(['pairs-this-join-store'])
    expect(stores(false)).toHaveLength(3)
    for (const optimize of [true, false]) {
      const driver = await openDriver(builder.build({ optimize }))
      await driver.input(lefts).pipe('a', 'x', 1)
      await driver.input(lefts).pipe('a', 'y', 2)
      const pairs = driver.output(out).readPairs()
      expect(pairs.map(([, value]) => value).sort()).toEqual(['x+x', 'x+y', 'y+x', 'y+y'])
    }
  })
})
