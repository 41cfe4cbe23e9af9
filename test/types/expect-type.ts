/** Exact equality of types: one that widens or degrades no longer compiles. */
type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** `expectType<string>()(value)` */
export declare function expectType<Expected>(): <Actual>(
  actual: Actual & (Equal<Actual, Expected> extends true ? unknown : never)
) => void
