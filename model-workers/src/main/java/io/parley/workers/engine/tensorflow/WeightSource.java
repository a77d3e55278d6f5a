package io.parley.workers.engine.tensorflow;

import java.util.List;
import java.util.function.Function;

/**
 * The variables of a graph, and how each is read from a model file.
 *
 * @param groups how many groups the variables are of
 * @param load a variable's values in its form, little-endian
 */
record WeightSource<V extends StoredVariable>(
    List<V> variables, int groups, Function<V, byte[]> load) {}
