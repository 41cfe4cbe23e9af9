/** The dashboards of the shop metrics processor, as files for Grafana. */
import { type ShopOptions, shopMetrics } from '../topologies/shop-metrics.ts'
import type { Dashboard } from './dashboards/grafana.ts'
import { processorDashboard } from './dashboards/processor.ts'
import { Series } from './dashboards/series.ts'
import { shopDashboard, shopUid } from './dashboards/shop.ts'
import { declarations } from './metrics/declarations.ts'

const processorUid = 'millrace-processor'

/** By the name of the file. They depend on the topology, and so on the settings of the shop. */
export function shopDashboards(shop: ShopOptions): ReadonlyMap<string, Dashboard> {
  const topology = shopMetrics(shop)
  const series = new Series(declarations(topology.instruments))
  const { currency } = shop
  return new Map([
    ['shop.json', shopDashboard(series, { currency, processorUid })],
    [
      'processor.json',
      processorDashboard(series, {
        uid: processorUid,
        title: 'Processor',
        topology,
        related: [{ uid: shopUid, title: 'Shop' }],
        showInstruments: false,
      }),
    ],
  ])
}

/** As they are kept in files. */
export function dashboardText(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`
}
