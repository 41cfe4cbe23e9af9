/** Families of cases that `npm test` runs; each has its file in `cases/`. */
export const families: readonly string[] = [
  'aggregate',
  'emitfinal-session',
  'emitfinal-sliding',
  'emitfinal-time',
  'hopping',
  'ktable',
  'punctuate',
  'session',
  'sliding',
  'ssjoin-inner',
  'ssjoin-left',
  'ssjoin-outer',
  'stateless',
  'tableagg',
  'throttle',
  'tumbling',
]
