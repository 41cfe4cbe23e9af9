/** Looks for a life in which a property does not hold. */
import { Random } from '../support/random.ts'
import { keyedProperties } from './keyed-windows.ts'
import { byName, type Guarantee } from './properties.ts'

const properties = { ...byName, ...keyedProperties } as const

export interface Search {
  readonly property: keyof typeof properties
  readonly guarantee: Guarantee
  /** In this order. */
  readonly seeds: readonly number[]
}

export interface Found {
  readonly seed: number
  readonly fault: string
}

/** Undefined: it holds in all of these lives. What throws does not hold. */
export async function search({ property, guarantee, seeds }: Search): Promise<Found | undefined> {
  const holds = properties[property]
  for (const seed of seeds) {
    try {
      const fault = await holds(new Random(seed * 7_919), guarantee)
      if (fault !== undefined) return { seed, fault }
    } catch (error) {
      return { seed, fault: String(error) }
    }
  }
  return undefined
}
