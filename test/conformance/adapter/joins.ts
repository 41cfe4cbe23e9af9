/** Joins of streams, and of streams with tables. */
import type { Operators } from './world.ts'

export const joins: Operators = {}
