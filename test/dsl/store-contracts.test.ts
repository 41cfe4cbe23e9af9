/**
 * What every kind of store promises, with a changelog or without: its rows are those of a naive
 * model, after any commits and crashes; what was not committed did not happen; a lost directory is
 * restored from the changelog, or leaves an empty store where there is none. `SEED` repeats a run.
 */
import { describe, expect, it } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import type { ProcessorContext } from '../../src/processor/processor.ts'
import type { StoreRow } from '../../src/processor/store-rows.ts'
import { keyValueStore, windowStore } from '../../src/processor/stores.ts'
import { string } from '../../src/serde/primitives.ts'
import type { TopologyTestDriver } from '../../src/testing/index.ts'
import { session } from '../../src/windows/record-windows.ts'
import { tumbling } from '../../src/windows/windows.ts'
import { openDriver } from '../runtime/open-driver.ts'
import { Random, seedOfRun } from '../support/random.ts'

const words = topic('words', { key: string(), value: string() })
const seed = seedOfRun()
const sizeMs = 10
const gapMs = 4

interface Word {
  readonly key: string
  readonly value: string
  readonly at: number
}

/** `key from..to value`; without a time, nothing is said of it. */
type Shown = string

interface Kind {
  readonly build: (builder: StreamsBuilder, logged: boolean) => void
  readonly model: (words: readonly Word[]) => readonly Shown[]
}

type Context = ProcessorContext<string, string>

const latest = (_kept: string, value: string): string => value
const startOf = (at: number): number => at - (at % sizeMs)
const show = (key: string, value: string, from?: number, to?: number): Shown =>
  `${key} ${from ?? ''}..${to ?? ''} ${value}`

/** The last word of each place. */
function lastBy(own: readonly Word[], placeOf: (word: Word) => Shown): readonly Shown[] {
  return [...new Map(own.map((word) => [placeOf({ ...word, value: '' }), placeOf(word)])).values()]
}

const inWindow = ({ key, value, at }: Word): Shown =>
  show(key, value, startOf(at), startOf(at) + sizeMs)

const kinds: Readonly<Record<string, Kind>> = {
  'a key-value store': {
    build(builder, logged) {
      const store = keyValueStore('s', { key: string(), value: string(), logged })
      builder.stream(words).process('put', { store }, (_: Context, { store }) => ({
        process({ key, value }) {
          if (value === 'gone') store.delete(key)
          else store.put(key, value)
        },
      }))
    },
    model: (own) => lastBy(own, ({ key, value }) => show(key, value)).filter(isThere),
  },
  'a window store': {
    build(builder, logged) {
      const span = { size: `${sizeMs}ms`, retention: '1h' } as const
      const store = windowStore('s', { key: string(), value: string(), ...span, logged })
      builder.stream(words).process('put', { store }, (_: Context, { store }) => ({
        process: ({ key, value, timestamp }) => store.put(key, value, startOf(timestamp)),
      }))
    },
    model: (own) => lastBy(own, inWindow),
  },
  'a table': {
    build: (builder, logged) => void builder.table(words, 's', { logged }),
    model: (own) => lastBy(own, ({ key, value }) => show(key, value)),
  },
  'a versioned table': {
    build(builder, logged) {
      builder.table(words, 's', { logged, versioned: { history: '1h' } })
    },
    model: (own) =>
      keysOf(own).flatMap(({ key, list }) => {
        const versions = [...new Map(list.map((word) => [word.at, word])).values()]
        const sorted = versions.sort((a, b) => a.at - b.at)
        return sorted.map(({ at, value }, index) => show(key, value, at, sorted[index + 1]?.at))
      }),
  },
  'an aggregate': {
    build(builder, logged) {
      builder.stream(words).groupByKey().reduce('s', latest, { logged })
    },
    model: (own) => lastBy(own, ({ key, value }) => show(key, value)),
  },
  'an aggregate in windows': {
    build(builder, logged) {
      const windows = tumbling(`${sizeMs}ms`, { grace: '1h' })
      builder.stream(words).groupByKey().windowedBy(windows).reduce('s', latest, { logged })
    },
    model: (own) => lastBy(own, inWindow),
  },
  'an aggregate in sessions': {
    build(builder, logged) {
      const windows = session(`${gapMs}ms`, { grace: '1h' })
      const grouped = builder.stream(words).groupByKey().windowedBy(windows)
      grouped.reduce('s', (one, other) => [one, other].sort().join(''), { logged })
    },
    model: (own) => keysOf(own).flatMap(({ key, list }) => sessionsOf(key, list)),
  },
}

function isThere(shown: Shown): boolean {
  return !shown.endsWith(' gone')
}

function keysOf(own: readonly Word[]): readonly { key: string; list: readonly Word[] }[] {
  const keys = [...new Set(own.map(({ key }) => key))]
  return keys.map((key) => ({ key, list: own.filter((word) => word.key === key) }))
}

function sessionsOf(key: string, list: readonly Word[]): readonly Shown[] {
  const times = [...new Set(list.map(({ at }) => at))].sort((a, b) => a - b)
  const starts = times.filter((at, index) => at - (times[index - 1] ?? -Infinity) > gapMs)
  return starts.map((start, index) => {
    const inside = times.filter((at) => at >= start && at < (starts[index + 1] ?? Infinity))
    return `${key} ${start}..${inside.at(-1)}`
  })
}

/** What a session has made of its values depends on the order; where it lies does not. */
async function rowsOf(driver: TopologyTestDriver, kind: string): Promise<readonly Shown[]> {
  const rows = (await driver.rows('s')).map((row: StoreRow) => {
    const { key, value, window, timestamp, validTo } = row
    const [own, text] = [key as string, value as string]
    if (kind === 'an aggregate in sessions') return `${own} ${window?.start}..${window?.end}`
    if (kind === 'a versioned table') return show(own, text, timestamp, validTo)
    return show(own, text, window?.start, window?.end)
  })
  return rows.sort()
}

function wordsOf(random: Random): readonly Word[] {
  let now = 100
  return Array.from({ length: 24 }, (_, index): Word => {
    now += random.below(8)
    const value = random.chance(0.2) ? 'gone' : `w${index}`
    return { key: random.pick(['a', 'b', 'c']), value, at: now - random.below(30) }
  })
}

const cases = Object.entries(kinds).flatMap(([name, kind]) =>
  [true, false].map((logged) => ({ name, kind, logged }))
)

describe.each(cases)('$name, logged: $logged', ({ name, kind, logged }) => {
  const open = async (): Promise<TopologyTestDriver> => {
    const builder = new StreamsBuilder()
    kind.build(builder, logged)
    return await openDriver(builder.build(), { commit: 'manual' })
  }
  const pipe = async (driver: TopologyTestDriver, { key, value, at }: Word): Promise<void> => {
    await driver.input(words).pipe(key, value, at)
  }

  it('has the rows of a naive model, whatever the commits and crashes', async () => {
    for (let life = 0; life < 2; life++) {
      const random = new Random((seed + life) * 7_919)
      const own = wordsOf(random)
      const driver = await open()
      for (const word of own) {
        await pipe(driver, word)
        if (random.chance(0.3)) await driver.commit()
        if (!random.chance(0.1)) continue
        await driver.crash()
        await driver.restart({ wipe: logged && random.chance(0.5) })
      }
      const wanted = kind.model(own).toSorted()
      await driver.commit()
      expect(await rowsOf(driver, name), `SEED=${seed + life}`).toEqual(wanted)
    }
  })

  it('loses nothing with its directory, or all of it and goes on', async () => {
    const [first, second] = [
      { key: 'a', value: 'first', at: 100 },
      { key: 'b', value: 'second', at: 101 },
    ] as const
    const driver = await open()
    await pipe(driver, first)
    await driver.commit()
    await driver.crash()
    await driver.restart({ wipe: true })
    expect(await rowsOf(driver, name)).toEqual(logged ? kind.model([first]) : [])
    await pipe(driver, second)
    await driver.commit()
    const left = logged ? [first, second] : [second]
    expect(await rowsOf(driver, name)).toEqual(kind.model(left).toSorted())
  })
})
