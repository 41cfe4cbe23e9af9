export interface Aggregator<in V, out R, out Can> {
  readonly kind: string
  readonly v?: (v: V) => R
  readonly c?: Can
}
