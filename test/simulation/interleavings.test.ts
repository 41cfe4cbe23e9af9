/**
 * The same input gives the same final rows: whatever the order in which the partitions come, the
 * number of instances that share the work and hand it over, and whenever they commit and die.
 * `SEED` repeats a run.
 */
import { expect, test } from 'vitest'
import { count, distinct } from '../../src/aggregators/aggregators.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { data } from '../../src/serde/data.ts'
import { string } from '../../src/serde/primitives.ts'
import { TopologyTestDriver } from '../../src/testing/index.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { hopping, tumbling } from '../../src/windows/windows.ts'
import { isFull, isLong } from '../support/lengths.ts'
import { Random, seedOfRun } from '../support/random.ts'

const seed = seedOfRun()
/** Ways to take one input; each input is taken in ten. */
const lives = isFull ? 1_000 : isLong ? 300 : 50
const ways = 10

interface Visit {
  readonly key: string
  readonly value: { readonly session: string }
  readonly timestamp: number
}

const visits = topic('visits', { key: string(), value: data<Visit['value']>() })
const out = topic('out', {
  key: data<unknown>(),
  value: data<unknown>(),
  create: true,
  partitions: 1,
})

/** Without a key; with one, by the marks of its own task; and by those that a topic brings. */
function topology(): Topology {
  const builder = new StreamsBuilder()
  const stream = builder.stream(visits)
  const sessions = distinct(({ session }: Visit['value']) => session)
  const fields = { n: count(), sessions }
  const panes = hopping('20ms', { advance: '10ms', grace: '5ms', emptyWindows: true })
  stream.windowedBy(panes.emit('final')).aggregate('all', fields).toStream().to(out)
  const byMarks = tumbling('15ms', { grace: '5ms', idle: '1h' }).emit('final')
  const regrouped = stream.groupBy(({ session }) => session)
  regrouped.windowedBy(byMarks).aggregate('by-session', fields).toStream().to(out)
  return builder.build()
}

function makeInput(random: Random, partitions: number): readonly (readonly Visit[])[] {
  return Array.from({ length: partitions }, () => {
    let now = 100 + random.below(20)
    const visit = (timestamp: number): Visit => {
      return { key: 'k', value: { session: random.pick(['r', 's', 't']) }, timestamp }
    }
    const visits = Array.from({ length: 3 + random.below(10) }, () => {
      now += random.below(random.chance(0.2) ? 30 : 6)
      return visit(now - random.below(12))
    })
    // Far enough for some windows to close.
    return [...visits, visit(now + 60)]
  })
}

/** The rest of each partition, in a random interleaving of random pieces. */
async function pipeAll(
  driver: TopologyTestDriver,
  input: readonly (readonly Visit[])[],
  random: Random
): Promise<void> {
  const rest = input.map((visits) => [...visits])
  // A partition that is confirmed to be empty holds nothing back: each has a record before anything
  // is committed, and so before any task is handed over.
  for (const [partition, own] of rest.entries()) {
    const [first] = own.splice(0, 1)
    if (first !== undefined) await driver.input(visits).pipeAll([{ ...first, partition }])
  }
  await driver.rebalance(1 + random.below(3))
  for (;;) {
    const open = [...rest.keys()].filter((partition) => (rest[partition] ?? []).length > 0)
    if (open.length === 0) return
    const partition = random.pick(open as [number, ...number[]])
    const piece = (rest[partition] ?? []).splice(0, 1 + random.below(4))
    await driver.input(visits).pipeAll(piece.map((visit) => ({ ...visit, partition })))
    if (random.chance(0.3)) await driver.commit()
    if (random.chance(0.1)) await driver.rebalance(1 + random.below(3))
    if (!random.chance(0.05)) continue
    await driver.crash()
    await driver.restart()
  }
}

async function finals(
  input: readonly (readonly Visit[])[],
  random: Random
): Promise<readonly string[]> {
  const driver = await TopologyTestDriver.open(topology(), {
    partitions: { visits: input.length },
    commit: 'manual',
    caching: random.chance(0.5),
  })
  try {
    await pipeAll(driver, input, random)
    for (let stage = 0; stage < 3; stage++) await driver.commit()
    const rows = driver.output(out).readAll()
    const shown = rows.map(({ key, value }) => JSON.stringify([key, value]))
    // They come from several tasks.
    return shown.sort()
  } finally {
    await driver.close()
  }
}

test('finals are the same, however the same input is taken', async () => {
  for (let life = 0; life < lives / ways; life++) {
    const own = seed + life
    const random = new Random(own * 7_919)
    const input = makeInput(random, 1 + random.below(3))
    const wanted = await finals(input, random)
    expect(wanted.length).toBeGreaterThan(0)
    for (let way = 1; way < ways; way++) {
      expect(await finals(input, random), `SEED=${own}`).toEqual(wanted)
    }
  }
}, 1_800_000)
