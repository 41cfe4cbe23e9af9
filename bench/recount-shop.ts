/** The rows of the shop metrics, recounted: the numbers alone, as `a` or `a/b`. */
import { durationMs } from '../src/durations.ts'
import { centsOf, grace, isOrder, type ShopEvent } from './events.ts'
import type { Recount } from './recount.ts'
import { type PaneKind, PartitionTimes, WindowPanes } from './window-panes.ts'

/** What the four windows keep; each uses a part of it. */
interface ShopPane {
  readonly visitors: Set<string>
  readonly ordering: Set<string>
  orders: number
  cents: number
}

type Metric =
  | 'visitors_5m'
  | 'orders_5m'
  | 'conversion_1h'
  | 'average_order_value_24h'
  | 'revenue_24h'

const minute = 60_000
const hour = 60 * minute

const kind: PaneKind<ShopPane> = {
  make: () => ({ visitors: new Set(), ordering: new Set(), orders: 0, cents: 0 }),
  merge: (into, from) => {
    for (const one of from.visitors) into.visitors.add(one)
    for (const one of from.ordering) into.ordering.add(one)
    into.orders += from.orders
    into.cents += from.cents
  },
}

export class ShopRecount implements Recount {
  readonly fold = 'once'
  readonly needsEvents = true
  readonly #emptyRows: boolean
  readonly #times: PartitionTimes
  readonly #traffic: WindowPanes<ShopPane>
  readonly #conversion: WindowPanes<ShopPane>
  readonly #basket: WindowPanes<ShopPane>
  readonly #revenue: WindowPanes<ShopPane>

  constructor(partitions: number, refreshMs: number, emptyRows: boolean) {
    this.#emptyRows = emptyRows
    this.#times = new PartitionTimes(partitions)
    this.#traffic = this.#panes(5 * minute, 5 * minute)
    this.#conversion = this.#panes(hour, refreshMs)
    this.#basket = this.#panes(24 * hour, hour)
    this.#revenue = this.#panes(24 * hour, hour / 2)
  }

  add(partition: number, timestamp: number, session: string, event: ShopEvent): void {
    const ordered = isOrder(event)
    const cents = ordered ? centsOf(event) : 0
    const visit = (pane: ShopPane): void => {
      pane.visitors.add(session)
      if (ordered) pane.ordering.add(session)
      if (ordered) pane.orders++
    }
    const sell = (pane: ShopPane): void => {
      if (ordered) pane.orders++
      pane.cents += cents
    }
    this.#traffic.add(partition, timestamp, visit)
    this.#conversion.add(partition, timestamp, visit)
    // Other events make rows of sales without an order; where those are left out, so are they.
    if (ordered || this.#emptyRows) {
      this.#basket.add(partition, timestamp, sell)
      this.#revenue.add(partition, timestamp, sell)
    }
    this.#times.pass(partition, timestamp)
  }

  expected(): ReadonlyMap<string, string> {
    return new Map([
      ...this.rows('visitors_5m', ({ visitors }) => String(visitors.size)),
      ...this.rows('orders_5m', ({ orders }) => String(orders)),
      ...this.rows(
        'conversion_1h',
        ({ ordering, visitors }) => `${ordering.size}/${visitors.size}`
      ),
      ...this.rows('average_order_value_24h', ({ cents, orders }) => `${cents}/${orders}`),
      ...this.rows('revenue_24h', ({ cents, orders }) => `${cents}/${orders}`),
    ])
  }

  /** Under the metric and the end of the window. */
  protected *rows(metric: Metric, text: (pane: ShopPane) => string): Generator<[string, string]> {
    for (const { end, pane, isEmpty } of this.#of(metric).rows('closed')) {
      if (!isEmpty || this.#emptyRows) yield [`${metric}@${end}`, text(pane)]
    }
  }

  #of(metric: Metric): WindowPanes<ShopPane> {
    if (metric === 'conversion_1h') return this.#conversion
    if (metric === 'average_order_value_24h') return this.#basket
    return metric === 'revenue_24h' ? this.#revenue : this.#traffic
  }

  #panes(sizeMs: number, advanceMs: number): WindowPanes<ShopPane> {
    return new WindowPanes({ sizeMs, advanceMs, graceMs: durationMs(grace) }, kind, this.#times)
  }
}

/** Its rows are named otherwise, and whole. */
export class ShopCaseRecount extends ShopRecount {
  constructor(partitions: number) {
    super(partitions, hour, false)
  }

  override expected(): ReadonlyMap<string, string> {
    const rows = new Map<string, string>()
    const put = (
      name: string,
      metric: Metric,
      sizeMs: number,
      row: (pane: ShopPane) => unknown
    ) => {
      for (const [key, text] of this.rows(metric, (pane) => JSON.stringify(row(pane)))) {
        rows.set(`${name}@${Number(key.split('@')[1]) - sizeMs}`, text)
      }
    }
    put('traffic', 'visitors_5m', 5 * minute, ({ visitors, orders }) => ({
      visitors: visitors.size,
      orders,
    }))
    put('conversion', 'conversion_1h', hour, ({ visitors, ordering }) => ({
      sessions: visitors.size,
      ordering: ordering.size,
    }))
    put('basket', 'average_order_value_24h', 24 * hour, ({ cents, orders }) => ({ cents, orders }))
    put('revenue', 'revenue_24h', 24 * hour, ({ cents }) => ({ cents }))
    return rows
  }
}
