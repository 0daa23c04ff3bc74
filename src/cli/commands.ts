import { BENCH } from './bench-command.ts';
import { CALIBRATE } from './calibrate-command.ts';
import type { CommandSpec } from './command.ts';
import { COMPARE } from './compare-command.ts';
import { DECIDE } from './decide-command.ts';
import { DEMO } from './demo-command.ts';
import { INSPECT, RUNS } from './inspect-command.ts';
import { MAP } from './map-command.ts';
import { MODELS } from './models-command.ts';
import { PLAN } from './plan-command.ts';
import { REHEARSE } from './rehearse-command.ts';
import { REPLAY } from './replay-command.ts';
import { REPORT } from './report-command.ts';
import { RESUME, RUN } from './run-command.ts';
import { DECOMPOSE, SOLVE } from './solve-command.ts';
import { UI } from './ui-command.ts';

/** All commands, in the order in which help lists them within their groups. */
export const COMMANDS: readonly CommandSpec[] = [
  RUN,
  RESUME,
  DECIDE,
  MAP,
  SOLVE,
  DECOMPOSE,
  MODELS,
  PLAN,
  CALIBRATE,
  COMPARE,
  BENCH,
  REHEARSE,
  RUNS,
  INSPECT,
  REPORT,
  REPLAY,
  UI,
  DEMO,
];
