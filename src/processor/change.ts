/** What tables send downstream: the new value of a key, and the one it replaces. */

export class Change<V> {
  /** Null: the key is gone. */
  readonly newValue: V | null
  /** Null: there was none. */
  readonly oldValue: V | null

  constructor(newValue: V | null, oldValue: V | null) {
    this.newValue = newValue
    this.oldValue = oldValue
  }
}
