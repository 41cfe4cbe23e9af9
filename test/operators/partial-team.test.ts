/** First phases that take their records together, against the same ones each by itself. */
import { expect, test } from 'vitest'
import { count, distinct, max, sum, where } from '../../src/aggregators/aggregators.ts'
import { present } from '../../src/assert.ts'
import { GlobalPartialOperator } from '../../src/operators/global-partial.ts'
import type { GlobalAggregateSpec } from '../../src/operators/specs.ts'
import type { Receiver, TaskTime } from '../../src/processor/operator.ts'
import type { Emission } from '../../src/windows/windows.ts'
import { FakeContext } from '../simulation/fake-context.ts'
import { FakeState } from '../simulation/fake-state.ts'
import { Random, seedOfRun } from '../support/random.ts'

interface Visit {
  readonly session: string
  readonly cents: bigint
  readonly at: number
  readonly isBroken: boolean
}

const minute = 60_000
const never = Number.NEGATIVE_INFINITY
const session = (visit: Visit): string => visit.session
const isOrder = where(({ cents }: Visit) => cents > 0n)
const at = (visit: Visit): number => visit.at
const cents = (visit: Visit): bigint => {
  if (visit.isBroken) throw new Error('broken')
  return visit.cents
}

function spec(
  name: string,
  aggregators: GlobalAggregateSpec['aggregators'],
  [sizeMs, advanceMs, graceMs]: readonly [sizeMs: number, advanceMs: number, graceMs: number],
  emission: Emission = 'final'
): GlobalAggregateSpec {
  const shape = sizeMs === advanceMs ? 'tumbling' : 'hopping'
  const rest = { shape, emission, graceMs, idleMs: null, emptyWindows: false } as const
  return { name, topic: name, aggregators, windows: { ...rest, sizeMs, advanceMs } }
}

const specs: readonly GlobalAggregateSpec[] = [
  spec('a', { visitors: distinct(session), orders: count(isOrder), at: max(at) }, [2, 2, 1]),
  spec('b', { all: distinct(session), some: distinct(session, isOrder) }, [8, 2, 1]),
  spec('c', { revenue: sum(cents, 0n), at: max(at) }, [12, 3, 2]),
  spec('d', { newest: max(at) }, [10_000, 10_000, 0], 'updates'),
].map(({ windows, ...rest }) => {
  const { sizeMs, advanceMs, graceMs } = windows
  const inMinutes = { sizeMs: sizeMs * minute, advanceMs: advanceMs * minute }
  return { ...rest, windows: { ...windows, ...inMinutes, graceMs: graceMs * minute } }
})

class Marks implements TaskTime {
  streamTime = never
  announced = never
  next = never

  mark(): number {
    return this.announced
  }

  nextMark(): number {
    return this.next
  }
}

/** All first phases of a task, together or each by itself; one record for all. */
class First {
  readonly states = specs.map(() => new FakeState())
  readonly record = { ...new FakeContext().record, offset: -1 }
  readonly time = new Marks()
  drops: unknown[] = []
  #contexts: readonly FakeContext[] = []
  #operators: readonly GlobalPartialOperator[] = []
  #receiver: Receiver = { process: () => {} }

  async begin(areTogether: boolean): Promise<void> {
    const { time } = this
    this.#contexts = this.states.map((state) => {
      const context = new FakeContext({ time, state })
      return Object.defineProperty(context, 'record', { value: this.record })
    })
    this.#operators = specs.map((one) => new GlobalPartialOperator(one))
    const each: Receiver = { process: (...record) => this.#toEach(...record) }
    const { together } = present(this.#operators[0], 'an operator')
    expect(this.#operators.map((one) => one.together)).toEqual(specs.map(() => together))
    this.#receiver = areTogether ? present(together, 'a team')(this.#operators, each) : each
    for (const [index, operator] of this.#operators.entries()) {
      await operator.init(present(this.#contexts[index], 'a context'))
    }
  }

  take(visit: Visit, partition: number, watermark: number): void {
    Object.assign(this.record, { partition, watermark, offset: this.record.offset + 1 })
    this.#receiver.process(null, visit, visit.at)
  }

  commit(next: number): unknown {
    this.time.next = next
    for (const operator of this.#operators) operator.flush()
    for (const state of this.states) state.seal()
    this.time.announced = Math.max(this.time.announced, next)
    const drops = this.#contexts.map(({ drops }) => drops)
    return [this.#contexts.map((context) => context.takeSent()), drops]
  }

  /** What an operator throws is its own affair. */
  #toEach(key: unknown, value: unknown, timestamp: number): void {
    for (const operator of this.#operators) {
      try {
        operator.process(key, value, timestamp)
      } catch {}
    }
  }
}

test('first phases together send, keep and drop what each of them does by itself', async () => {
  const seed = seedOfRun()
  for (let run = 0; run < 12; run++) {
    const random = new Random(seed + run)
    const [apart, together] = [new First(), new First()]
    await apart.begin(false)
    await together.begin(true)
    const newest = [0, 0]
    let watermarks = [never, never]
    for (let visits = 0; visits < 800; visits++) {
      const partition = random.chance(0.8) ? 0 : 1
      newest[partition] = (newest[partition] ?? 0) + random.below(minute / 20)
      const lateness = random.chance(0.1) ? random.below(6 * minute) : random.below(2_000)
      const time = Math.max(0, (newest[partition] ?? 0) - lateness)
      const visit: Visit = {
        session: `s${random.below(40)}`,
        cents: random.chance(0.3) ? BigInt(random.below(100)) : 0n,
        at: time,
        isBroken: random.chance(0.01),
      }
      const watermark = watermarks[partition] ?? never
      // Some are filtered before: of them only the time is heard.
      if (random.chance(0.7)) {
        apart.take(visit, partition, watermark)
        together.take(visit, partition, watermark)
      }
      watermarks = watermarks.map((one, index) => (index === partition ? Math.max(one, time) : one))
      if (random.chance(0.01)) {
        const mark = Math.min(...watermarks)
        expect(together.commit(mark), `seed ${seed + run}`).toEqual(apart.commit(mark))
        if (random.chance(0.3)) {
          await apart.begin(false)
          await together.begin(true)
        }
      }
    }
    const mark = Math.max(...watermarks) + 20 * minute
    expect(together.commit(mark), `seed ${seed + run}`).toEqual(apart.commit(mark))
  }
})
