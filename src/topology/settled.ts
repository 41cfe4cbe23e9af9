/** A topology as an application runs it: what that says takes the place of what was built. */
import type { ErrorOptions } from '../error-policy.ts'
import { withErrorOptions } from './errors.ts'
import type { Optimize } from './optimizations.ts'
import type { Topology } from './topology.ts'

export interface Settling {
  readonly optimize?: Optimize
  readonly errors?: ErrorOptions
}

export function settled(topology: Topology, { optimize, errors = {} }: Settling): Topology {
  const optimized = optimize === undefined ? topology : topology.optimized(optimize)
  return withErrorOptions(optimized, errors)
}

/** The same as plain data: the topic for dead letters without its serdes, which are functions. */
export function plainSettling({ optimize, errors }: Settling): Settling {
  return {
    ...(optimize === undefined ? {} : { optimize }),
    ...(errors === undefined ? {} : { errors: plainErrors(errors) }),
  }
}

function plainErrors({ deadLetters, ...actions }: ErrorOptions): ErrorOptions {
  if (deadLetters === undefined) return actions
  const { name, partitions, config, create } = deadLetters
  return { ...actions, deadLetters: { name, partitions, config, create } }
}
