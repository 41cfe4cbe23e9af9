/** Records that cannot be read, handled or written: what is done about them and counted. */
import { describe, expect, it } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { type ErrorOptions, retry } from '../../src/error-policy.ts'
import type { ProcessorContext } from '../../src/processor/processor.ts'
import { json } from '../../src/serde/json.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { bytes, string } from '../../src/serde/primitives.ts'
import type { TopologyTestDriver } from '../../src/testing/index.ts'
import { expectSameAfterCrashes } from '../dsl/crashes.ts'
import { faultOf } from '../dsl/tools.ts'
import { openDriver } from './open-driver.ts'

const numbers = topic('numbers', { key: nullable(string()), value: json<number>() })
/** The same topic, to write to it what is no JSON. */
const rawNumbers = topic('numbers', { key: nullable(string()), value: string() })
const out = topic('out', { key: nullable(string()), value: json<number>(), create: true })
const evens = topic('evens', { key: nullable(string()), value: json<number>(), create: true })
const deadLetters = topic('dead', {
  key: nullable(bytes()),
  value: nullable(bytes()),
  create: true,
  partitions: 3,
})

function half(value: number): number {
  if (value % 2 !== 0) throw new RangeError(`${value} is odd`)
  return value / 2
}

/** Halves numbers, and looks at all of them on another branch. */
function halving(errors?: ErrorOptions, fn = half): StreamsBuilder {
  const builder = new StreamsBuilder()
  const stream = builder.stream(numbers, errors === undefined ? {} : { errors })
  stream.mapValues(fn).to(out)
  stream.to(evens)
  return builder
}

async function pipe(driver: TopologyTestDriver, ...values: readonly string[]): Promise<void> {
  for (const value of values) await driver.input(rawNumbers).pipe('k', value, 7)
}

function letters(driver: TopologyTestDriver) {
  return driver
    .output(deadLetters)
    .readAll()
    .map(({ value, timestamp, headers }) => ({
      value: Buffer.from(value ?? []).toString(),
      timestamp,
      ...Object.fromEntries(
        headers.map(([name, text]) => [
          name.replace('millrace-error-', ''),
          Buffer.from(text ?? []).toString(),
        ])
      ),
    }))
}

describe('a record that cannot be read', () => {
  it('is skipped and counted, without a word', async () => {
    const driver = await openDriver(halving().build())
    await pipe(driver, '{', '4')
    expect(driver.output(out).readPairs()).toEqual([['k', 2]])
    expect(driver.dropped()).toEqual({ decode: 1 })
  })

  it('is a dead letter where that is wanted: its bytes, and what was wrong', async () => {
    const driver = await openDriver(halving({ decode: 'dead-letter', deadLetters }).build())
    await driver.input(rawNumbers).pipe('k', '{', 7, [['h', Buffer.from('own')]])
    await pipe(driver, '4')
    expect(letters(driver)).toEqual([
      {
        value: '{',
        timestamp: 7,
        h: 'own',
        step: 'decode',
        node: 'KSTREAM-SOURCE-0000000000',
        reason: 'decode',
        message: expect.stringContaining('JSON'),
        topic: 'numbers',
        partition: '0',
        offset: '0',
      },
    ])
    expect(driver.dropped()).toEqual({ decode: 1 })
  })

  it('ends the application where that is wanted', async () => {
    const driver = await openDriver(halving({ decode: 'stop' }).build())
    await expect(pipe(driver, '{')).rejects.toThrow(/numbers-0@0 cannot be read \(decode/)
  })
})

describe('an operator that throws', () => {
  it('ends the application, without a word', async () => {
    const driver = await openDriver(halving().build())
    await expect(pipe(driver, '3')).rejects.toThrow(/KSTREAM-MAPVALUES.*numbers-0@0.*3 is odd/)
  })

  it('may leave the record to others', async () => {
    const driver = await openDriver(halving({ process: 'skip' }).build())
    await pipe(driver, '3', '4')
    expect(driver.output(out).readPairs()).toEqual([['k', 2]])
    expect(driver.output(evens).readPairs()).toEqual([
      ['k', 3],
      ['k', 4],
    ])
    expect(driver.dropped()).toEqual({ process: 1 })
  })

  it('leaves dead letters that are there once, whatever crashes in between', async () => {
    const dead = await expectSameAfterCrashes({
      topology: () => halving({ process: 'dead-letter', deadLetters }).build(),
      output: deadLetters,
      steps: ['1', '2', '3', '5', '6', '7'].map((value) => (driver) => pipe(driver, value)),
    })
    expect(dead.map(([, value]) => Buffer.from(value as Uint8Array).toString())).toEqual([
      '1',
      '3',
      '5',
      '7',
    ])
  })

  it('is asked again from the last commit on, so that nothing counts twice', async () => {
    let failures = 2
    const flaky = (value: number): number => {
      if (value === 3 && failures-- > 0) throw new Error('not now')
      return value
    }
    const builder = halving({ process: retry(2, { backoff: '1ms' }) }, flaky)
    builder.stream(numbers, { errors: { process: retry(2, { backoff: '1ms' }) } })
    const driver = await openDriver(builder.build(), { commit: 'manual' })
    await pipe(driver, '1', '2', '3', '4')
    await driver.commit()
    expect(failures).toBe(-1)
    expect(
      driver
        .output(out)
        .readPairs()
        .map(([, value]) => value)
    ).toEqual([1, 2, 3, 4])
    expect(
      driver
        .output(evens)
        .readPairs()
        .map(([, value]) => value)
    ).toEqual([1, 2, 3, 4])
    expect(driver.dropped()).toEqual({})
  })

  it('is given up after the last attempt', async () => {
    let calls = 0
    const never = (value: number): number => {
      if (value !== 3) return value
      calls += 1
      throw new Error('never')
    }
    const process = retry(2, { backoff: '1ms', finally: 'dead-letter' })
    const driver = await openDriver(halving({ process, deadLetters }, never).build())
    await pipe(driver, '3', '4')
    expect(calls).toBe(3)
    expect(letters(driver)).toMatchObject([{ value: '3', step: 'process', message: 'never' }])
    expect(driver.output(out).readPairs()).toEqual([['k', 4]])
  })
})

describe('a record that cannot be written', () => {
  const narrow = topic('narrow', {
    key: nullable(string()),
    value: {
      name: 'small',
      serialize: (value: number) => Buffer.from([half(value)]),
      deserialize: (from: Uint8Array) => from[0] ?? 0,
    },
    create: true,
  })

  it('has a policy of its own', async () => {
    const builder = new StreamsBuilder({ errors: { produce: 'dead-letter', deadLetters } })
    builder.stream(numbers).to(narrow)
    const driver = await openDriver(builder.build())
    await pipe(driver, '3', '4')
    expect(letters(driver)).toMatchObject([{ value: '3', step: 'produce', reason: 'produce' }])
    expect(driver.output(narrow).readPairs()).toEqual([['k', 2]])
    expect(driver.dropped()).toEqual({ produce: 1 })
  })
})

describe('without a record at hand', () => {
  /** Ticks each minute of stream time; every second tick fails, or what is behind it does. */
  function ticking(errors: readonly (ErrorOptions | undefined)[], where: 'here' | 'behind') {
    const builder = new StreamsBuilder()
    const inputs = errors.map((policy, index) => {
      const from =
        index === 0
          ? numbers
          : topic(`more-${index}`, { key: nullable(string()), value: json<number>() })
      return builder.stream(from, policy === undefined ? {} : { errors: policy })
    })
    const [first, ...others] = inputs
    const all = others.reduce((merged, other) => merged?.merge(other), first)
    all
      ?.process('ticks', {}, (context: ProcessorContext<string, number>) => {
        context.schedule('1m', 'stream-time', (now) => {
          const minute = now / minuteMs
          if (where === 'here') half(minute)
          context.forward({ key: 'tick', value: minute })
        })
        return { process: () => {} }
      })
      .mapValues((minute) => (where === 'behind' ? half(minute) * 2 : minute))
      .to(out)
    return builder.build()
  }

  const minuteMs = 60_000

  async function atMinutes(driver: TopologyTestDriver, ...minutes: readonly number[]) {
    for (const minute of minutes) {
      await driver.input(numbers).pipe('k', minute, minute * minuteMs)
    }
  }

  it.each(['here', 'behind'] as const)(
    'a punctuation that fails, or what it forwards, may be skipped (%s)',
    async (where) => {
      const driver = await openDriver(ticking([{ process: 'skip' }], where))
      await atMinutes(driver, 2, 3, 4)
      expect(driver.output(out).readPairs()).toEqual([
        ['tick', 2],
        ['tick', 4],
      ])
      expect(driver.dropped()).toEqual({ process: 1 })
    }
  )

  it('nothing is buried, and nothing tried again: the last resort of a retry counts', async () => {
    const again = retry(5, { backoff: '1h', finally: 'skip' })
    for (const process of ['dead-letter', again] as const) {
      const driver = await openDriver(ticking([{ process, deadLetters }], 'here'))
      await atMinutes(driver, 3, 4)
      expect(driver.output(out).readPairs()).toEqual([['tick', 4]])
      expect(driver.dropped()).toEqual({ process: 1 })
    }
  })

  it('a punctuation that fails ends the application unless all sources say otherwise', async () => {
    for (const policies of [[undefined], [{ process: 'skip' }, undefined]] as const) {
      const driver = await openDriver(ticking(policies, 'here'))
      await expect(atMinutes(driver, 3)).rejects.toThrow(/Node 'ticks' .*3 is odd/)
    }
  })

  it('what a flush hands on may be skipped; the flush of a state stays whole', async () => {
    const builder = new StreamsBuilder({ errors: { process: 'skip' } })
    builder
      .stream(numbers)
      .groupByKey()
      .count('counts')
      .toStream()
      .mapValues((count) => half(Number(count)))
      .to(out)
    const driver = await openDriver(builder.build(), { commit: 'manual' })
    await atMinutes(driver, 1)
    await driver.commit()
    await atMinutes(driver, 2)
    await driver.commit()
    expect(driver.output(out).readPairs()).toEqual([['k', 1]])
    expect(driver.dropped()).toEqual({ process: 1 })
  })
})

describe('the policy', () => {
  it('is that of the source, else of the builder, else of the application', async () => {
    const builder = new StreamsBuilder({ errors: { process: 'skip' } })
    builder.stream(numbers).repartition('again').mapValues(half).to(out)
    const driver = await openDriver(builder.build(), {
      errors: { process: 'stop', decode: 'dead-letter', deadLetters },
    })
    await pipe(driver, '3', '{', '4')
    expect(driver.output(out).readPairs()).toEqual([['k', 2]])
    expect(letters(driver)).toMatchObject([{ value: '{', step: 'decode' }])
    expect(driver.dropped()).toEqual({ process: 1, decode: 1 })
  })

  it('is refused at start if dead letters have nowhere to go', async () => {
    const topology = halving({ process: 'dead-letter' }).build()
    await expect(openDriver(topology)).rejects.toMatchObject({
      code: 'MILLRACE_DEAD_LETTERS_NOWHERE',
    })
    expect(faultOf(() => retry(0)).code).toBe('MILLRACE_RETRY_INVALID')
  })
})
