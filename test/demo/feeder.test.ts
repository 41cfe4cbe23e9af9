import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { Feeder, type FeederOptions } from '../../src/demo/feeder.ts'
import { RetriableError } from '../../src/errors.ts'
import { createLogger, silentLogger } from '../../src/log.ts'
import { MemoryLog } from '../support/memory-log.ts'

const hour = 3_600_000
const now = Date.UTC(2026, 10, 22, 12)
const topic = 'shop.events'
const shop = { seed: 3, orderType: 'checkout_click', decimals: 2, disorderMs: 8_000 }

function setup(options: Partial<FeederOptions> = {}) {
  const clock = new ManualClock(now)
  const log = new MemoryLog()
  const feeder = (): Feeder => {
    return new Feeder({
      log,
      topic,
      shop,
      clock,
      logger: silentLogger,
      historyMs: 6 * hour,
      ...options,
    })
  }
  return { clock, log, feeder }
}

function times(log: MemoryLog): readonly number[] {
  return log.topic(topic).map(({ timestamp }) => timestamp)
}

describe('the demo feeder', () => {
  it('writes the history at once, then what arrives', async () => {
    const { clock, log, feeder } = setup()
    const demo = feeder()
    await demo.feed()
    const history = log.topic(topic).length
    expect(history).toBeGreaterThan(3_000)
    expect(times(log).every((at) => at >= now - 6 * hour && at < now)).toBe(true)
    clock.advance(60_000)
    await demo.feed()
    const live = times(log).slice(history)
    expect(live.length).toBeGreaterThan(5)
    expect(live.every((at) => at >= now && at < now + 60_000)).toBe(true)
  })

  it('goes on where the topic ends after a restart, in order and without a gap', async () => {
    const whole = setup()
    whole.clock.advance(3 * hour)
    await whole.feeder().feed()
    const parts = setup({ historyMs: 9 * hour })
    await parts.feeder().feed()
    parts.clock.advance(3 * hour)
    await parts.feeder().feed()
    const expected = times(whole.log)
    expect(times(parts.log).slice(-expected.length)).toEqual(expected)
    expect(times(parts.log)).toEqual(times(parts.log).toSorted((a, b) => a - b))
  })

  it('does not go further back than the history after a long stop', async () => {
    const { clock, log, feeder } = setup()
    await feeder().feed()
    const history = log.topic(topic).length
    clock.advance(100 * hour)
    await feeder().feed()
    const [resumed = 0] = times(log).slice(history)
    expect(resumed).toBeGreaterThanOrEqual(clock.now() - 6 * hour)
  })

  it('writes nothing while the clock is behind the topic', async () => {
    const { clock, log, feeder } = setup()
    await feeder().feed()
    const history = log.topic(topic).length
    clock.advance(-hour)
    await feeder().feed()
    expect(log.topic(topic)).toHaveLength(history)
  })

  it('sends again what a failed append did not take', async () => {
    const { clock, log, feeder } = setup()
    const demo = feeder()
    await demo.feed()
    const expected = setup({ historyMs: 7 * hour })
    expected.clock.advance(hour)
    await expected.feeder().feed()
    clock.advance(hour)
    log.failure = new RetriableError('MILLRACE_LOG_AWAY', 'away')
    await expect(demo.feed()).rejects.toThrow('away')
    await demo.feed()
    expect(times(log)).toEqual(times(expected.log))
  })

  it('tells how far it is while it writes the history', async () => {
    const lines: string[] = []
    const logger = createLogger({ level: 'info', write: (line) => lines.push(line) })
    await setup({ logger }).feeder().feed()
    expect(lines.length).toBeGreaterThanOrEqual(4)
    expect(lines.at(-1)).toContain('6 of 6 hours written')
  })

  it('stops in the middle of the history, and leaves no reader open', async () => {
    const { log, feeder } = setup({ historyMs: 400 * hour })
    const demo = feeder()
    demo.start()
    await demo.stop()
    expect(log.topic(topic).length).toBeLessThan(20_000)
    expect(log.readers).toBe(0)
  })
})
