/**
 * Lists whose shape V8 never changes: compiled code holds for one shape, and is thrown away where
 * another comes. `[]` is a list of small integers until something else is put in; and what `map`
 * returns is packed as long as its caller is interpreted, but may have holes once it is compiled,
 * so that those who read it are compiled again, seconds later.
 */

/** Empty, for values of any type. */
export function steadyList<T>(): T[] {
  const list: unknown[] = [undefined]
  list.pop()
  return list as T[]
}

/** As `map` does, for lists that much else reads. */
export function steadyMap<T, R>(from: readonly T[], make: (one: T, at: number) => R): R[] {
  const list = steadyList<R>()
  for (let at = 0; at < from.length; at++) list.push(make(from[at] as T, at))
  return list
}
