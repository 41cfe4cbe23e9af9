export interface WindowSpec {
  readonly shape: 'tumbling' | 'hopping'
  readonly emission: 'updates' | 'final'
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number
  readonly idleMs: number | null
  readonly emptyWindows: boolean
}
