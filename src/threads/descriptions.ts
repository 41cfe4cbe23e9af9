/** What the main thread has to know of a topology that others run. */
import type { Plan } from '../runtime/plan.ts'
import type { Topology } from '../topology/topology.ts'
import type { StorePlaces, StorePlan } from './messages.ts'

/** Equal texts, equal topologies, but for what only functions know. */
export function describeTopology(topology: Topology): string {
  return JSON.stringify(topology.toJson())
}

/** Where the parts of the stores that can be read may be. */
export function placesOf(topology: Topology, { tasks }: Plan): StorePlaces {
  const globals = new Set(topology.globals.map(({ name }) => name))
  const partsOf = (name: string): readonly StorePlan[] => {
    if (globals.has(name)) return [{ task: 'global', partition: 0 }]
    return tasks
      .filter(({ subtopology }) => subtopology.stores.some((store) => store.name === name))
      .map(({ id, partition }) => ({ task: id, partition }))
  }
  return Object.fromEntries(topology.readable.map(({ name }) => [name, partsOf(name)]))
}
