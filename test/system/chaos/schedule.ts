/**
 * What goes wrong and when: a pure function of the seed, so that a run can be repeated.
 *
 *     round 1: some faults, overlapping ─▶ calm: all must be well within the bound ─▶ round 2 …
 *
 * Invariants: a target suffers one fault of its sort at a time; no more than one broker is away; in
 * long runs the first instance of each application lives from beginning to end, so that its memory
 * can be followed.
 */
import { Random } from '../../support/random.ts'
import type { Weather } from '../../support/tcp-proxy.ts'

export type AppName = 'payments' | 'shop'

export type FaultKind =
  | 'cut'
  | 'delay'
  | 'freeze'
  | 'throttle'
  | 'strand'
  | 'kill'
  | 'restart'
  | 'suspend'
  | 'kill-broker'
  | 'suspend-broker'
  | 'move-leaders'

interface Base {
  /** From the beginning of its round, ms. */
  readonly at: number
  /** How long it lasts, ms. */
  readonly ms: number
}

/** Of the connections to one broker. */
export interface NetworkFault extends Base {
  readonly kind: 'cut' | 'delay' | 'freeze' | 'throttle' | 'strand'
  readonly broker: number
  /** Of all connections, those that come later too. */
  readonly share: number
  readonly weather: Weather
  /** How often the connections are cut while it lasts; 0: not at all. */
  readonly cutEveryMs: number
  /** The connections do not survive the end. */
  readonly cutsAtEnd: boolean
}

/** SIGKILL or SIGTERM and a new start, or SIGSTOP and SIGCONT. */
export interface InstanceFault extends Base {
  readonly kind: 'kill' | 'restart' | 'suspend'
  readonly app: AppName
  readonly instance: number
}

export interface BrokerFault extends Base {
  readonly kind: 'kill-broker' | 'suspend-broker'
  readonly broker: number
}

export interface LeaderFault extends Base {
  readonly kind: 'move-leaders'
  readonly seed: number
}

export type Fault = NetworkFault | InstanceFault | BrokerFault | LeaderFault

export interface Round {
  readonly number: number
  readonly faults: readonly Fault[]
  /** Without faults, once all is well again. */
  readonly calmMs: number
}

export interface ScheduleOptions {
  readonly seed: number
  readonly minutes: number
  readonly brokers: number
  readonly instances: Readonly<Record<AppName, number>>
}

/** Runs as long as this follow the memory of an instance that is never killed. */
export const memoryMinutes = 10
const networkKinds: readonly FaultKind[] = ['cut', 'delay', 'freeze', 'throttle', 'strand']
const instanceKinds: readonly FaultKind[] = ['kill', 'restart', 'suspend']
const kinds: readonly FaultKind[] = [
  ...networkKinds,
  ...instanceKinds,
  'kill-broker',
  'suspend-broker',
  'move-leaders',
]
/** A connection that says nothing is given up when a request has waited for this long. */
const strandedMs = 10_000
/** What a round takes beside its faults: to be well again, and a while after. */
const aroundMs = 8_000

/** As many rounds as fit, at least one. */
export function makeSchedule(options: ScheduleOptions): readonly Round[] {
  const random = new Random(options.seed)
  const deck = new Deck(random)
  const rounds: Round[] = []
  let totalMs = 0
  for (let number = 1; number === 1 || totalMs < options.minutes * 60_000; number++) {
    const faults = makeFaults(options, random, deck)
    const endMs = Math.max(...faults.map(({ at, ms }) => at + ms))
    const calmMs = 1_000 + random.below(3_000)
    rounds.push({ number, faults, calmMs })
    totalMs += endMs + aroundMs + calmMs
  }
  return rounds
}

function makeFaults(options: ScheduleOptions, random: Random, deck: Deck): readonly Fault[] {
  const faults: Fault[] = []
  const taken = new Set<string>()
  const count = 2 + random.below(4)
  while (faults.length < count) {
    const fault = makeFault(deck.draw(), random.below(6_000), options, random)
    if (taken.has(targetOf(fault))) continue
    taken.add(targetOf(fault))
    faults.push(fault)
  }
  return faults.sort((one, two) => one.at - two.at)
}

function makeFault(kind: FaultKind, at: number, options: ScheduleOptions, random: Random): Fault {
  const broker = random.below(options.brokers)
  switch (kind) {
    case 'kill':
    case 'restart':
    case 'suspend':
      return { kind, at, ms: awayMs(kind, random), ...someInstance(kind, options, random) }
    case 'kill-broker':
      return { kind, at, ms: random.below(8_000), broker }
    case 'suspend-broker':
      return { kind, at, ms: 1_000 + random.below(11_000), broker }
    case 'move-leaders':
      return { kind, at, ms: 0, seed: random.below(2 ** 31) }
    default:
      return { kind, at, broker, share: 0.3 + random.below(8) / 10, ...storm(kind, random) }
  }
}

function storm(
  kind: NetworkFault['kind'],
  random: Random
): Pick<NetworkFault, 'ms' | 'weather' | 'cutEveryMs' | 'cutsAtEnd'> {
  const calm = { weather: {}, cutEveryMs: 0, cutsAtEnd: false }
  const ms = 2_000 + random.below(8_000)
  switch (kind) {
    case 'cut':
      return { ...calm, ms: random.below(5_000), cutEveryMs: 100 + random.below(1_500) }
    case 'delay':
      return { ...calm, ms, weather: { delayMs: 20 + random.below(480) } }
    case 'throttle':
      return { ...calm, ms, weather: { bytesPerS: 1_000 * (2 + random.below(60)) } }
    case 'strand':
      return { ...calm, ms: strandedMs }
    case 'freeze': {
      const frozen = random.pick(['both', 'requests', 'answers'] as const)
      const frozenMs = 500 + random.below(13_000)
      return { ...calm, ms: frozenMs, weather: { frozen }, cutsAtEnd: random.chance(0.5) }
    }
  }
}

/** Around the session timeout, and well beyond it. */
function awayMs(kind: InstanceFault['kind'], random: Random): number {
  if (kind === 'suspend') return random.pick([1, 3, 5, 6, 7, 9, 12, 20]) * 1_000
  return random.below(kind === 'kill' ? 9_000 : 3_000)
}

function someInstance(
  kind: InstanceFault['kind'],
  { instances, minutes }: ScheduleOptions,
  random: Random
): Pick<InstanceFault, 'app' | 'instance'> {
  const app = random.pick(['payments', 'shop'] as const)
  const first = kind === 'suspend' || minutes < memoryMinutes ? 0 : 1
  return { app, instance: first + random.below(instances[app] - first) }
}

function targetOf(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
    case 'restart':
    case 'suspend':
      return `${fault.app} ${fault.instance}`
    case 'kill-broker':
    case 'suspend-broker':
      return 'broker'
    case 'move-leaders':
      return 'leaders'
    default:
      return `network ${fault.broker}`
  }
}

/** Every kind comes once before any comes again. */
class Deck {
  readonly #random: Random
  #cards: FaultKind[] = []

  constructor(random: Random) {
    this.#random = random
  }

  draw(): FaultKind {
    if (this.#cards.length === 0) this.#cards = [...kinds]
    const [card] = this.#cards.splice(this.#random.below(this.#cards.length), 1)
    return card ?? 'cut'
  }
}

/** One line, as it is printed before and during the run. */
export function describeFault(fault: Fault): string {
  const from = `+${seconds(fault.at)}`.padStart(7)
  const lasting = fault.ms === 0 || fault.kind === 'strand' ? '' : ` for ${seconds(fault.ms)}`
  return `${from}  ${whatOf(fault)}${lasting}${fault.kind === 'freeze' ? endOf(fault) : ''}`
}

function whatOf(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
    case 'restart':
    case 'suspend':
      return `${fault.kind} instance ${fault.instance} of ${fault.app}`
    case 'kill-broker':
    case 'suspend-broker':
      return `${fault.kind} ${fault.broker + 1}`
    case 'move-leaders':
      return `move-leaders, seed ${fault.seed}`
    default:
      return `${fault.kind} ${connectionsOf(fault)}${detail(fault)}`
  }
}

function connectionsOf({ share, broker }: NetworkFault): string {
  return `${Math.round(share * 100)} % of the connections to broker ${broker + 1}`
}

function detail({ kind, weather, cutEveryMs }: NetworkFault): string {
  if (weather.delayMs !== undefined) return ` by ${weather.delayMs} ms`
  if (weather.bytesPerS !== undefined) return ` to ${weather.bytesPerS / 1_000} KB/s`
  if (weather.frozen !== undefined) return ` (${weather.frozen})`
  return kind === 'strand' ? ' for good' : ` every ${cutEveryMs} ms`
}

function endOf({ cutsAtEnd }: NetworkFault): string {
  return cutsAtEnd ? ', then cut' : ''
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
