/** A random world, and a random life for it: crashes, moves, zombies, freezes, outages, silence. */
import type { Emission } from '../../src/windows/windows.ts'
import type { Random } from '../support/random.ts'
import type { Cutoffs } from './tasks.ts'
import { FinalTask, SourceTask } from './tasks.ts'
import type { Aggregate, Disk, Visit, World } from './world.ts'

type Shape = readonly [sizeMs: number, advanceMs: number]

/** Tumbling, hopping, and hopping with a pane smaller than the advance. */
const shapes: readonly [Shape, ...Shape[]] = [
  [10, 10],
  [12, 4],
  [10, 4],
  [24, 6],
]

export interface AggregateOptions {
  readonly isIdle: boolean
  readonly emission?: Emission
  /** Some without rows for windows without data. */
  readonly maySkip?: boolean
}

export function makeAggregates(random: Random, options: AggregateOptions): readonly Aggregate[] {
  return [0, 1].map((index) => {
    const [sizeMs, advanceMs] = random.pick(shapes)
    return {
      name: `w${index}`,
      windows: {
        shape: sizeMs === advanceMs ? 'tumbling' : 'hopping',
        emission: options.emission ?? (random.chance(0.5) ? 'final' : 'updates'),
        sizeMs,
        advanceMs,
        graceMs: random.below(4) * 2,
        idleMs: options.isIdle ? 4 + random.below(14) : null,
        emptyWindows: options.maySkip !== true || random.chance(0.7),
      },
    }
  })
}

export interface ContentOptions {
  readonly partitions: number
  readonly aggregates: readonly Aggregate[]
  /** 'in-time': disorder within grace; 'late': any. */
  readonly order: 'in-time' | 'late'
  /** 'live': written at event time and a delay; 'late-start': some partitions begin empty. */
  readonly arrival: 'at-once' | 'live' | 'late-start'
  readonly records?: number
  readonly hasStragglers?: boolean
  readonly hasSilentPartitions?: boolean
  readonly outages?: readonly (readonly [from: number, to: number])[]
}

export function makeContent(random: Random, options: ContentOptions): Visit[][] {
  const silent = options.hasSilentPartitions ?? true
  return Array.from({ length: options.partitions }, (_, partition) =>
    silent && partition > 0 && random.chance(0.2) ? [] : makePartition(random, options, partition)
  )
}

function makePartition(random: Random, options: ContentOptions, partition: number): Visit[] {
  const { aggregates, order, arrival, records = 14 } = options
  const grace = Math.min(...aggregates.map(({ windows }) => windows.graceMs))
  const visits: Visit[] = []
  const startsLate = arrival === 'late-start' && partition > 0 && random.chance(0.5)
  let t = 100 + (arrival === 'live' ? 0 : random.below(30))
  let watermark = Number.NEGATIVE_INFINITY
  let at = startsLate ? 1 + random.below(60) : 0
  const count = 1 + random.below(records)
  for (let index = 0; index < count; index++) {
    t += random.below(random.chance(0.15) ? 45 : 5)
    const back = random.chance(0.4) ? random.below(order === 'late' ? 40 : grace + 1) : 0
    let time = order === 'in-time' ? Math.max(t - back, watermark - grace) : t - back
    if (arrival === 'live') [time, at] = liveTimes(random, options, time, at, index)
    else if (arrival === 'late-start') at += random.below(6)
    watermark = Math.max(watermark, time)
    const isOrder = random.chance(0.3)
    const price = isOrder ? 1 + random.below(9) : 0
    visits.push({ t: time, session: `s${random.below(5)}`, isOrder, price, at })
  }
  return visits
}

/** When a record is written: within what an idle close waits for, stragglers excepted. */
function liveTimes(
  random: Random,
  { aggregates, hasStragglers = false, outages = [] }: ContentOptions,
  time: number,
  before: number,
  index: number
): readonly [time: number, at: number] {
  // Every partition with data holds a record before the clocks start.
  if (index === 0) return [100, 0]
  const prompt = Math.min(
    ...aggregates.map(({ windows }) => (windows.idleMs ?? 0) + windows.graceMs)
  )
  const delay = random.below(hasStragglers && random.chance(0.2) ? 80 : prompt + 1)
  const wanted = time + delay
  const outage = outages.find(([from, to]) => wanted >= from && wanted < to)
  const at = Math.max(before, outage === undefined ? wanted : outage[1] + random.below(3))
  const isPushedBack = !hasStragglers && outage === undefined && at > time + prompt
  return [isPushedBack ? at - prompt : time, at]
}

export interface LifeOptions {
  readonly steps?: number
  /** How far the wall clock moves at a time. */
  readonly stride?: number
  readonly start?: number
  /** Silence up to here, and some more, before the end. */
  readonly restUntil?: number
}

interface Held {
  readonly task: SourceTask | FinalTask
  readonly disk: Disk
}

export class Life {
  readonly world: World
  readonly cutoffs: Cutoffs = new Map()
  readonly #random: Random
  readonly #ids: readonly [string, ...string[]]
  readonly #disks: readonly [Disk, ...Disk[]] = [new Map(), new Map(), new Map()]
  readonly #held = new Map<string, Held>()
  readonly #zombies: (SourceTask | FinalTask)[] = []

  constructor(world: World) {
    this.world = world
    this.#random = world.random
    this.#ids = ['1_0', ...world.tasks.map((_, index) => `0_${index}`)]
  }

  async live({ steps = 150, stride = 3, start = 0, restUntil }: LifeOptions): Promise<void> {
    const { world } = this
    world.clock.advance(start)
    for (let step = 0; step < steps; step++) await this.#step(stride)
    for (const late of world.inFlight.splice(0)) late()
    const latest = Math.max(
      ...world.source.flat().map(({ at }) => at),
      ...world.outages.map(([, to]) => to)
    )
    world.clock.advance(Math.max(0, latest - world.clock.now()))
    await this.#settle()
    if (restUntil === undefined) return
    const until = Math.max(restUntil, world.clock.now() + 80)
    while (world.clock.now() < until) {
      world.clock.advance(4)
      await this.#settle()
    }
  }

  async #step(stride: number): Promise<void> {
    const random = this.#random
    const id = random.pick(this.#ids)
    const held = this.#held.get(id)
    const chance = random.next()
    if (chance < 0.12) {
      this.world.clock.advance(random.below(random.chance(0.1) ? stride * 12 : stride))
    } else if (held === undefined) {
      if (random.chance(0.4)) await this.#assign(id)
    } else if (chance < 0.68) await held.task.work(1 + random.below(4))
    else if (chance < 0.9) this.#commit(id, 1)
    else if (chance < 0.93) this.#commit(id, random.next() * 0.999)
    else if (chance < 0.95) this.#kill(held.disk)
    else if (chance < 0.97) await this.#move(id)
    else await this.#haunt()
  }

  async #assign(id: string): Promise<void> {
    const disk = this.#random.pick(this.#disks)
    const { world } = this
    const task =
      id === '1_0'
        ? new FinalTask(world, disk, this.cutoffs)
        : new SourceTask(world, Number(id.slice(2)), disk)
    await task.start()
    this.#held.set(id, { task, disk })
  }

  #commit(id: string, reach: number): void {
    if (this.#held.get(id)?.task.commit(reach) === false) this.#held.delete(id)
  }

  /** One instance dies with all its tasks; sometimes its directory goes as well. */
  #kill(disk: Disk): void {
    for (const [id, held] of this.#held) if (held.disk === disk) this.#held.delete(id)
    if (this.#random.chance(0.3)) disk.clear()
  }

  /** A hand-over, with or without a last commit; the old owner may not know yet. */
  async #move(id: string): Promise<void> {
    if (this.#random.chance(0.5)) this.#commit(id, 1)
    const held = this.#held.get(id)
    if (held === undefined) return
    if (this.#random.chance(0.5)) this.#zombies.push(held.task)
    await this.#assign(id)
  }

  async #haunt(): Promise<void> {
    const zombie = this.#zombies.shift()
    if (zombie === undefined) this.world.inFlight.shift()?.()
    else {
      await zombie.work(1 + this.#random.below(4))
      zombie.commit(1)
    }
  }

  /** Everything owned, everything read, everything committed. */
  async #settle(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      for (const id of this.#ids.toReversed()) {
        if (!this.#held.has(id)) await this.#assign(id)
        const { task } = this.#held.get(id) as Held
        if (task instanceof FinalTask) await task.readAll()
        else {
          for (let turn = 0; turn < 6; turn++) task.fetch()
          while (task.isReadable) await task.work(1)
          task.commit(1)
          await task.work(0)
        }
        this.#commit(id, 1)
      }
    }
  }
}
