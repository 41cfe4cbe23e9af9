/** Families of cases that `npm test` runs; each has its file in `cases/`. */
export const families: readonly string[] = [
  'ktable',
  'punctuate',
  'ssjoin-inner',
  'ssjoin-left',
  'ssjoin-outer',
  'stateless',
  'tableagg',
]
