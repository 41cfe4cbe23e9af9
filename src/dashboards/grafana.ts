/** The parts of Grafana's JSON that are written here: dashboards of schema version 39. */

export interface DataSource {
  readonly type: 'prometheus'
  readonly uid: '$datasource'
}

export interface Target {
  readonly refId: string
  readonly datasource: DataSource
  readonly expr: string
  readonly legendFormat: string
  readonly instant: boolean
  readonly range: boolean
  readonly format?: 'table'
}

export interface GridPosition {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

export interface Override {
  readonly matcher: { readonly id: 'byFrameRefID'; readonly options: string }
  readonly properties: readonly { readonly id: string; readonly value: unknown }[]
}

export interface Link {
  readonly title: string
  readonly type: 'link'
  readonly url: string
  readonly icon: 'dashboard'
  readonly tooltip: string
  readonly keepTime: boolean
  readonly includeVars: boolean
}

export interface Panel {
  readonly id: number
  readonly type: 'stat' | 'timeseries' | 'table'
  readonly title: string
  readonly description: string
  readonly gridPos: GridPosition
  readonly datasource: DataSource
  readonly targets: readonly Target[]
  readonly fieldConfig: {
    readonly defaults: Readonly<Record<string, unknown>>
    readonly overrides: readonly Override[]
  }
  readonly options: Readonly<Record<string, unknown>>
  readonly links?: readonly { readonly title: string; readonly url: string }[]
  readonly transformations?: readonly { readonly id: string; readonly options: object }[]
}

export interface Row {
  readonly id: number
  readonly type: 'row'
  readonly title: string
  readonly collapsed: boolean
  readonly gridPos: GridPosition
  /** Of a collapsed one; those of an open row follow it. */
  readonly panels: readonly Panel[]
}

export interface Variable {
  readonly name: string
  readonly label: string
  readonly type: 'datasource' | 'query'
  readonly query: string
  readonly [more: string]: unknown
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly tags: readonly string[]
  readonly editable: false
  readonly graphTooltip: 1
  readonly schemaVersion: 39
  readonly version: 1
  readonly refresh: string
  readonly time: { readonly from: string; readonly to: 'now' }
  readonly timezone: 'browser'
  readonly links: readonly Link[]
  readonly annotations: { readonly list: readonly object[] }
  readonly templating: { readonly list: readonly Variable[] }
  readonly panels: readonly (Panel | Row)[]
}

export const dataSource: DataSource = { type: 'prometheus', uid: '$datasource' }
