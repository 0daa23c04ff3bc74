// `mdap/planning`: numbers before you pay. The verbs `plan` and `compare` themselves are in `mdap`.

export { type Calibration, type CalibrationFigures, figuresOf } from './calibration.ts';
export type { Forecast, Outlook, RuleForecast } from './forecast.ts';
export { type Plan, type PlanInput, scalingLaws } from './scaling-laws.ts';
