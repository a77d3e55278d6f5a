package io.parley.workers.engine.tensorflow;

import java.util.List;

/** What a SavedModel's loader must know of a graph. */
record BuiltGraph(List<GraphSignature> signatures, GraphVariables.Restore restore) {}
