/** Dashboards as files for Grafana: two of the shop metrics, one of any other application. */
import { type ShopOptions, shopMetrics } from '../topologies/shop-metrics.ts'
import type { Dashboard } from './dashboards/grafana.ts'
import { processorDashboard } from './dashboards/processor.ts'
import { Series } from './dashboards/series.ts'
import { shopDashboard, shopUid } from './dashboards/shop.ts'
import { declarations } from './metrics/declarations.ts'
import type { Topology } from './topology/topology.ts'

export interface DashboardFile {
  readonly name: string
  readonly dashboard: Dashboard
}

const processorUid = 'millrace-processor'

/** They depend on the topology, and so on the settings of the shop. */
export function shopDashboards(shop: ShopOptions): readonly DashboardFile[] {
  const topology = shopMetrics(shop)
  const series = new Series(declarations(topology.instruments))
  const { currency } = shop
  const processor = processorDashboard(series, {
    uid: processorUid,
    title: 'Processor',
    topology,
    related: [{ uid: shopUid, title: 'Shop' }],
    showInstruments: false,
  })
  return [
    { name: 'shop.json', dashboard: shopDashboard(series, { currency, processorUid }) },
    { name: 'processor.json', dashboard: processor },
  ]
}

/** `name` is the title, and makes the uid: letters, digits and dashes, 30 at the most. */
export function applicationDashboard(topology: Topology, name: string): DashboardFile {
  const series = new Series(declarations(topology.instruments))
  const uid = `millrace-${name}`
  const own = { uid, title: name, topology, related: [], showInstruments: true }
  return { name: `${name}.json`, dashboard: processorDashboard(series, own) }
}

/** As they are kept in files. */
export function dashboardText(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`
}
