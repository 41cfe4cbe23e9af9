/** What a task gets from the process that runs it. */
import type { StateDirectory } from '../../state/contract.ts'
import type { Clock } from '../clock.ts'
import type { Timestamp } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { DropLog } from './drop-log.ts'
import type { GlobalState } from './global-state.ts'
import type { Totals } from './instruments.ts'
import type { Outputs } from './outputs.ts'
import type { Plan, PlannedTask } from './plan.ts'
import type { Log } from './ports.ts'

export type Guarantee = 'exactly_once' | 'at_least_once'

/** The same for all tasks. */
export interface SharedEnvironment {
  readonly log: Log
  readonly plan: Plan
  readonly directory: StateDirectory
  readonly clock: Clock
  /** Monotonic milliseconds. */
  readonly ticks: () => Timestamp
  readonly logger: Logger
  readonly dropLog: DropLog
  readonly totals: Totals
  readonly outputs: Outputs
  /** Undefined: there are no global tables. */
  readonly globals: GlobalState | undefined
  readonly caching: boolean
  readonly guarantee: Guarantee
  /** How long commits may be kept in memory before one is written; 0: each is. */
  readonly writeIntervalMs: number
  /** Something may be there to do. */
  readonly wake: () => void
  readonly requestCommit: () => void
}

export interface TaskEnvironment extends SharedEnvironment {
  readonly planned: PlannedTask
  /** Of work that was not awaited by the caller. */
  readonly onFailure: (error: unknown) => void
}
