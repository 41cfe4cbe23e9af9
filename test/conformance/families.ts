/**
 * Files of cases in `cases/` that `npm test` runs: one for each family, and what was found by cases
 * that chance has made, with the results of the real thing.
 */
export const families: readonly string[] = [
  'aggregate',
  'cogroup',
  'composite',
  'emitfinal-session',
  'emitfinal-sliding',
  'emitfinal-time',
  'famous',
  'fkjoin',
  'generated',
  'gtjoin',
  'headers',
  'hopping',
  'ktable',
  'punctuate',
  'session',
  'sliding',
  'ssjoin-inner',
  'ssjoin-left',
  'ssjoin-outer',
  'stateless',
  'stjoin',
  'suppress-close',
  'suppress-time',
  'tableagg',
  'throttle',
  'ttjoin',
  'tumbling',
  'versioned',
]
