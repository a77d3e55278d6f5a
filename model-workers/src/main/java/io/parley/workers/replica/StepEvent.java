package io.parley.workers.replica;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * One forward pass, for the JVM's flight recorder: where the time between two tokens went, and how
 * full the passes were. Costs nothing while nobody records.
 */
@Name("parley.EngineStep")
@Label("Engine step")
@Category("Parley")
@Description("One forward pass of a model's engine")
@StackTrace(false)
final class StepEvent extends Event {
  @Label("Sequences that had a part in it")
  int sequences;

  @Label("Input tokens, of prompts and of answers")
  int tokens;

  @Label("Sequences that got a token from it")
  int rows;
}
