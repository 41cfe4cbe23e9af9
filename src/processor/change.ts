/** What tables send downstream: the new value of a key, and the one it replaces. */

export class Change<V> {
  /** Null: the key is gone. */
  readonly newValue: V | null
  /** Null: there was none. */
  readonly oldValue: V | null
  /** False: a late row of a versioned table, which changes its past alone. */
  readonly isLatest: boolean

  constructor(newValue: V | null, oldValue: V | null, isLatest = true) {
    this.newValue = newValue
    this.oldValue = oldValue
    this.isLatest = isLatest
  }
}
