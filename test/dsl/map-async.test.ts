/** `mapAsync` in running tasks: order, commits that wait, crashes, errors, and what follows it. */
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { count } from '../../src/aggregators/aggregators.ts'
import type { KStream } from '../../src/dsl/k-stream.ts'
import type { MapAsyncOptions } from '../../src/dsl/map-async.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import type { ErrorOptions } from '../../src/error-policy.ts'
import type { AsyncCall } from '../../src/operators/map-async.ts'
import type { ProcessorContext } from '../../src/processor/processor.ts'
import { string } from '../../src/serde/primitives.ts'
import { tumbling } from '../../src/windows/windows.ts'
import { openDriver } from '../runtime/open-driver.ts'
import { Random } from '../support/random.ts'
import { expectSameAfterCrashes } from './crashes.ts'
import { faultOf, out, texts } from './tools.ts'

const buried = topic('buried', { key: string(), value: string(), create: true })

type Answer = (text: string, key: string, call: AsyncCall) => Promise<string>

function mapped(answer: Answer, options?: MapAsyncOptions, errors?: ErrorOptions) {
  const builder = new StreamsBuilder()
  builder
    .stream(texts, { errors: errors ?? {} })
    .mapAsync(answer, options)
    .to(out)
  return builder.build()
}

/** Takes some turns of the event loop, each time another number of them. */
function slowly(seed: number): Answer {
  const random = new Random(seed)
  return async (text) => {
    for (let turns = random.below(6); turns > 0; turns--) await turn()
    return text.toUpperCase()
  }
}

/** Calls that are answered on command. */
function gated() {
  const calls: { readonly text: string; readonly signal: AbortSignal; open(): void }[] = []
  const answer: Answer = (text, _key, { signal }) =>
    new Promise((resolve) => {
      calls.push({ text, signal, open: () => resolve(text.toUpperCase()) })
    })
  const called = (count: number): Promise<void> =>
    vi.waitFor(() => expect(calls.length).toBeGreaterThanOrEqual(count))
  return { calls, answer, called }
}

const records = (words: readonly string[]) =>
  words.map((value, index) => ({ key: `k${index}`, value, timestamp: index }))

it('hands records on in their order, whichever call is answered first', async () => {
  let underWay = 0
  let most = 0
  const slow = slowly(3)
  const answer: Answer = async (...args) => {
    most = Math.max(most, ++underWay)
    const text = await slow(...args)
    underWay -= 1
    return text
  }
  const driver = await openDriver(mapped(answer, { concurrency: 4 }), { commit: 'manual' })
  const words = Array.from({ length: 40 }, (_, index) => `w${index}`)
  await driver.input(texts).pipeAll(records(words))
  await driver.commit()
  const found = driver.output(out).readAll()
  expect(found.map(({ value, timestamp }) => [value, timestamp])).toEqual(
    words.map((word, index) => [word.toUpperCase(), index])
  )
  expect(most).toBe(4)
})

it('lets no commit pass the calls that are under way', async () => {
  const { calls, answer, called } = gated()
  const driver = await openDriver(mapped(answer), { commit: 'manual' })
  const piped = driver.input(texts).pipeAll(records(['a', 'b']))
  await called(2)
  const committed = driver.commit()
  calls[1]?.open()
  for (let turns = 0; turns < 20; turns++) await turn()
  expect(driver.snapshots()[0]?.commits.count).toBe(0)
  calls[0]?.open()
  await Promise.all([piped, committed])
  expect(driver.output(out).readPairs()).toEqual([
    ['k0', 'A'],
    ['k1', 'B'],
  ])
})

it('takes no record while as many are under way as may be', async () => {
  const { calls, answer, called } = gated()
  const driver = await openDriver(mapped(answer, { concurrency: 2 }), { commit: 'manual' })
  const piped = driver.input(texts).pipeAll(records(['a', 'b', 'c']))
  await called(2)
  // The second is answered, and waits for the first: that is two still.
  calls[1]?.open()
  for (let turns = 0; turns < 20; turns++) await turn()
  expect(calls.map(({ text }) => text)).toEqual(['a', 'b'])
  calls[0]?.open()
  await called(3)
  calls[2]?.open()
  await piped
  await driver.commit()
  expect(driver.output(out).readPairs()).toHaveLength(3)
})

it('makes calls again that a crash has cut off', async () => {
  const { calls, answer, called } = gated()
  const driver = await openDriver(mapped(answer), { commit: 'manual' })
  const piped = driver.input(texts).pipeAll(records(['a', 'b']))
  await called(2)
  calls[0]?.open()
  await driver.crash()
  expect(calls.map(({ signal }) => signal.aborted)).toEqual([false, true])
  const restarted = driver.restart()
  await called(4)
  for (const { open } of calls) open()
  await Promise.all([piped, restarted])
  await driver.commit()
  expect(driver.output(out).readPairs()).toEqual([
    ['k0', 'A'],
    ['k1', 'B'],
  ])
})

describe('what follows', () => {
  /** What has a time of its own: windows, and what is late for them. */
  function followInWindows(stream: KStream<string, string>): void {
    stream
      .groupByKey()
      .windowedBy(tumbling('10ms', { grace: '5ms' }).emit('final'), {
        late: (late) => late.mapValues((text) => `late ${text}`).to(out),
      })
      .aggregate('counts', { n: count() })
      .toStream()
      .map(({ n }, { key, window }) => ({ key, value: `${n} in ${window.start}` }))
      .to(out)
  }

  /** Punctuators, too. */
  function follow(stream: KStream<string, string>): void {
    followInWindows(stream)
    stream
      .process('ticks', {}, (context: ProcessorContext<string, string>) => {
        context.schedule('10ms', 'stream-time', (at) => {
          context.forward({ key: '', value: `tick ${at} of ${context.streamTime}`, timestamp: at })
        })
        return {
          process: ({ key, value, timestamp }) => {
            context.forward({ key, value: `${value} of ${context.streamTime}`, timestamp })
          },
        }
      })
      .to(out)
  }

  function topologyOf(kind: 'at once' | 'slowly', follows = follow) {
    const builder = new StreamsBuilder()
    const stream = builder.stream(texts)
    const slow = slowly(5)
    follows(
      kind === 'at once'
        ? stream.mapValues((text) => text.toUpperCase())
        : stream.mapAsync(slow, { concurrency: 5 })
    )
    return builder.build()
  }

  const random = new Random(11)
  const list = Array.from({ length: 30 }, (_, index) => ({
    key: random.pick(['a', 'b']),
    value: `w${index}`,
    timestamp: Math.max(0, index * 4 - random.below(30)),
  }))

  it('cannot tell that anything took its time', async () => {
    const [quick, slow] = await Promise.all(
      (['at once', 'slowly'] as const).map(async (kind) => {
        const driver = await openDriver(topologyOf(kind), { commit: 'manual' })
        await driver.input(texts).pipeAll(list)
        await driver.commit()
        return { found: driver.output(out).readAll(), dropped: driver.dropped() }
      })
    )
    expect(slow).toEqual(quick)
    expect(slow?.dropped).toMatchObject({ late: expect.any(Number) })
  })

  it('comes to the same whatever crashes in between', async () => {
    await expectSameAfterCrashes({
      topology: () => topologyOf('slowly', followInWindows),
      output: out,
      steps: list.slice(0, 12).map(({ key, value, timestamp }) => async (driver) => {
        await driver.input(texts).pipe(key, value, timestamp)
      }),
    })
  })

  it('is part of the commit that rows have waited for', async () => {
    const builder = new StreamsBuilder()
    const slow = slowly(9)
    builder
      .stream(texts)
      .groupByKey()
      .count('counts')
      .toStream()
      .mapAsync((n, key, call) => slow(`n${n}`, key, call))
      .to(out)
    const options = { caching: true, commit: 'manual' } as const
    const driver = await openDriver(builder.build(), options)
    const input = driver.input(texts)
    for (const value of ['x', 'y', 'z']) await input.pipe('k', value)
    await driver.crash({ during: 'step 4' })
    await driver.restart()
    await driver.commit()
    expect(driver.output(out).readPairs()).toEqual([['k', 'N3']])
  })
})

describe('a call that fails', () => {
  const failing: Answer = async (text) => {
    await turn()
    if (text === 'bad') throw new Error('It is bad')
    return text
  }

  it('is made again when the clock says so', async () => {
    let calls = 0
    const answer: Answer = async (text) => {
      if (++calls < 3) throw new Error('Not yet')
      return text
    }
    const driver = await openDriver(mapped(answer, { retries: 2, backoff: '1s' }))
    await driver.input(texts).pipe('k', 'a')
    expect(driver.output(out).readPairs()).toEqual([])
    await driver.advanceWallClock('1s')
    expect(calls).toBe(2)
    await driver.advanceWallClock('2s')
    expect(driver.output(out).readPairs()).toEqual([['k', 'a']])
  })

  it('counts as failed after its time', async () => {
    const { calls, answer, called } = gated()
    const errors = { process: 'skip' } as const
    const driver = await openDriver(mapped(answer, { timeout: '5s' }, errors))
    const piped = driver.input(texts).pipe('k', 'a')
    await called(1)
    await driver.advanceWallClock('5s')
    await piped
    expect(calls[0]?.signal.aborted).toBe(true)
    expect(driver.dropped()).toEqual({ process: 1 })
  })

  it('is a failure of its own record, which others do not share', async () => {
    const errors = { process: 'dead-letter', deadLetters: buried } as const
    const driver = await openDriver(mapped(failing, {}, errors), { commit: 'manual' })
    await driver.input(texts).pipeAll(records(['a', 'bad', 'c', 'd']))
    await driver.commit()
    expect(driver.output(out).readPairs()).toEqual([
      ['k0', 'a'],
      ['k2', 'c'],
      ['k3', 'd'],
    ])
    const [letter] = driver.output(buried).readAll()
    const headers = Object.fromEntries(
      (letter?.headers ?? []).map(([name, bytes]) => [name, Buffer.from(bytes ?? '').toString()])
    )
    expect([letter?.key, letter?.value]).toEqual(['k1', 'bad'])
    expect(headers).toMatchObject({
      'millrace-error-step': 'process',
      'millrace-error-message': 'It is bad',
      'millrace-error-offset': '1',
    })
  })

  it('stops the application unless told otherwise, and says which record it was', async () => {
    const driver = await openDriver(mapped(failing), { commit: 'manual' })
    const piped = driver.input(texts).pipeAll(records(['a', 'bad', 'c']))
    await expect(piped).rejects.toThrow(/KSTREAM-MAPASYNC.*texts-0@1.*It is bad/s)
  })
})

it('carries the headers of each record', async () => {
  const driver = await openDriver(mapped(slowly(2)), { commit: 'manual' })
  await driver
    .input(texts)
    .pipeAll(
      ['a', 'b', 'c'].map((value) => ({ key: 'k', value, headers: [['h', Buffer.from(value)]] }))
    )
  await driver.commit()
  const found = driver.output(out).readAll()
  const seen = found.map(({ value, headers }) => [
    value,
    Buffer.from(headers[0]?.[1] ?? '').toString(),
  ])
  expect(seen).toEqual([
    ['A', 'a'],
    ['B', 'b'],
    ['C', 'c'],
  ])
})

it('takes counts and times that make sense', () => {
  const stream = new StreamsBuilder().stream(texts)
  const answer = async (text: string): Promise<string> => text
  for (const options of [{ concurrency: 0 }, { retries: -1 }, { timeout: '0s' }] as const) {
    expect(faultOf(() => stream.mapAsync(answer, options)).code).toBe('MILLRACE_ASYNC_INVALID')
  }
})
