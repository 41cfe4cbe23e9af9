/** A windowed aggregate in a task of its own, with commits and restarts. */

import type { AggregationPlan, WindowedAggregateSpec } from '../../src/operators/specs.ts'
import type { WindowLimits } from '../../src/operators/windowed-aggregate.ts'
import { WindowedAggregateOperator } from '../../src/operators/windowed-aggregate.ts'
import type { Change } from '../../src/processor/change.ts'
import { string } from '../../src/serde/primitives.ts'
import type { Serde } from '../../src/serde/serde.ts'
import type { Emission, Windowed } from '../../src/windows/windows.ts'
import type { KeyValueState } from '../../state/contract.ts'
import type { FakeOptions } from '../simulation/fake-context.ts'
import { FakeContext } from '../simulation/fake-context.ts'
import { FakeState, type StateChange } from '../simulation/fake-state.ts'

export interface SentRow {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly row: unknown
  readonly before: unknown
  readonly timestamp: number
}

export const text = string() as Serde<unknown>

/** `0+1+2`: shows what was added, and in which order. */
export const concat: AggregationPlan = {
  kind: 'steps',
  init: () => '0',
  add: (state, value) => `${state}+${value}`,
  serde: text,
}

export function windowedSpec(
  [sizeMs, advanceMs, graceMs]: readonly [sizeMs: number, advanceMs: number, graceMs: number],
  emission: Emission,
  rest: Partial<WindowedAggregateSpec> = {}
): WindowedAggregateSpec {
  return {
    name: 'n',
    key: text,
    plan: concat,
    logged: true,
    watermarks: null,
    ...rest,
    windows: {
      shape: sizeMs === advanceMs ? 'tumbling' : 'hopping',
      emission,
      sizeMs,
      advanceMs,
      graceMs,
      idleMs: null,
      emptyWindows: false,
    },
  }
}

export class WindowedFixture {
  readonly context: FakeContext
  readonly operator: WindowedAggregateOperator
  readonly #state: FakeState
  #rows: SentRow[] = []

  constructor(spec: WindowedAggregateSpec, options: FakeOptions = {}, limits: WindowLimits = {}) {
    this.#state = options.state ?? new FakeState()
    this.context = new FakeContext({ ...options, state: this.#state })
    this.operator = new WindowedAggregateOperator(spec, limits)
    this.operator.next = {
      process: (windowed, change, timestamp) => {
        const { key, window } = windowed as Windowed<string>
        const { newValue: row, oldValue: before } = change as Change<unknown>
        this.#rows.push({ key, ...window, row, before, timestamp })
      },
    }
    this.operator.init(this.context)
  }

  async pipe(key: string | null, value: unknown, timestamp: number): Promise<SentRow[]> {
    await this.context.settle()
    this.operator.process(key, value, timestamp)
    await this.context.settle()
    return this.take()
  }

  take(): SentRow[] {
    const rows = this.#rows
    this.#rows = []
    return rows
  }

  /** What was sent, and what was written. */
  async commit(): Promise<readonly [rows: SentRow[], changes: StateChange[]]> {
    this.operator.flush()
    const changes = this.#state.seal()
    const rows = this.take()
    this.operator.committed()
    await this.context.settle()
    return [rows, changes]
  }

  /** As the operator's own codec reads them. */
  storedState(): KeyValueState<unknown> {
    return this.context.opened('n')
  }

  /** What the last commit left. */
  get entries(): ReadonlyMap<string, Uint8Array> {
    return this.#state.entries
  }
}

/** `A[0,10) = 0+1@5`. */
export function show({ key, start, end, row, timestamp }: SentRow): string {
  return `${key}[${start},${end}) = ${row}@${timestamp}`
}
