package io.parley.workers;

import java.time.Duration;

/**
 * Tells a worker of either kind that its model is being unloaded: it pulls nothing more, lets what
 * it has run to its end for at most {@code patience}, then stops.
 */
public record Drain(Duration patience) implements ModelWorker.Command, Internal {}
