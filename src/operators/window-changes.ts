/**
 * Rows of windows with a key on their way downstream, as `Change`s under `{ key, window }`: an
 * update at once, or, where updates may wait, with the commit; a final row when it is due.
 */

import { Change } from '../processor/change.ts'
import type { Receiver, TaskContext } from '../processor/operator.ts'
import { steadyList } from '../steady-list.ts'
import type { Windowed } from '../windows/windows.ts'
import type { Aggregation } from './aggregation.ts'
import type { WindowRow } from './window-row.ts'

export class WindowChanges {
  readonly #context: Pick<TaskContext, 'caching'>
  readonly #aggregation: Aggregation
  readonly #operator: { readonly next: Receiver }
  /** Rows whose change waits for the flush, in the order of their first one. */
  #pending = steadyList<WindowRow>()

  constructor(
    context: Pick<TaskContext, 'caching'>,
    aggregation: Aggregation,
    operator: { readonly next: Receiver }
  ) {
    this.#context = context
    this.#aggregation = aggregation
    this.#operator = operator
  }

  update(row: WindowRow): void {
    if (!this.#context.caching) this.#forward(row)
    else if (!row.isPending) {
      row.isPending = true
      this.#pending.push(row)
    }
  }

  final(row: WindowRow): void {
    this.#send(row, new Change(this.#aggregation.result(row.state), null))
  }

  flush(): void {
    const pending = this.#pending
    this.#pending = steadyList()
    for (const row of pending) {
      row.isPending = false
      this.#forward(row)
    }
  }

  #forward(row: WindowRow): void {
    const shown = row.shown
    const next = row.state === null ? null : this.#aggregation.result(row.state)
    row.shown = next
    if (next === null && shown === null && this.#context.caching) return
    this.#send(row, new Change(next, shown ?? null))
  }

  #send(row: WindowRow, change: Change<unknown>): void {
    const key: Windowed<unknown> = { key: row.userKey, window: row.window.window }
    this.#operator.next.process(key, change, row.timestamp)
  }
}
