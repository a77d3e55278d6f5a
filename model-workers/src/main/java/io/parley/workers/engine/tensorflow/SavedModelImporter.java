package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.WeightType;
import io.parley.workers.gguf.GgufFile;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Session;
import org.tensorflow.Tensor;
import org.tensorflow.exceptions.TensorFlowException;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.train.MergeV2Checkpoints;
import org.tensorflow.proto.MetaGraphDef;
import org.tensorflow.proto.SavedModel;
import org.tensorflow.proto.SaverDef;
import org.tensorflow.types.TString;

/**
 * Turns a GGUF file into a SavedModel in the cache, once for each file and recipe: the graph, and
 * the weights as its checkpoint. What can be chosen at load, such as the number of KV blocks, is
 * not part of it.
 */
final class SavedModelImporter {
  private static final String MANIFEST = "parley-files.txt";

  private SavedModelImporter() {}

  /**
   * The SavedModel's folder; made if it is not there. DJL must have been loaded.
   *
   * @param sha256 of the file, which the caller has checked
   * @throws io.parley.workers.gguf.GgufException when the file is damaged
   * @throws io.parley.workers.engine.UnsupportedModelException when it is not for this engine
   * @throws java.io.UncheckedIOException when the folder cannot be written, such as a full disk
   */
  static Path obtain(
      GgufFile file,
      DecoderConfig config,
      String sha256,
      Recipe recipe,
      Path cacheFolder,
      ImportListener listener) {
    DecoderWeights weights = weights(config, recipe);
    return obtain(
        sha256 + "-" + recipe.label(),
        graph -> build(graph, config, recipe),
        new WeightSource<>(
            weights.variables(),
            weights.groups(),
            variable -> weights.load(file, variable).array()),
        cacheFolder,
        listener);
  }

  /**
   * The SavedModel's folder of any graph; made if it is not there.
   *
   * @param name of the import: the same graph of the same file has the same
   */
  static <V extends StoredVariable> Path obtain(
      String name,
      Function<Graph, BuiltGraph> builder,
      WeightSource<V> weights,
      Path cacheFolder,
      ImportListener listener) {
    Path folder = cacheFolder.resolve("imported").resolve(name).toAbsolutePath();
    return CacheFolder.obtain(
        folder,
        SavedModelImporter::isWhole,
        target -> {
          writeGraph(builder, target);
          writeWeights(weights, target, listener);
          writeManifest(target);
        });
  }

  private static BuiltGraph build(Graph graph, DecoderConfig config, Recipe recipe) {
    return switch (recipe) {
      case GRAPH_F32 -> DecoderGraph.build(graph, config, Arithmetic.F32);
      case GRAPH_BF16 -> DecoderGraph.build(graph, config, Arithmetic.BF16);
      case KERNELS -> KernelGraph.build(graph, config, WeightType.BF16);
      case KERNELS_INT8 -> KernelGraph.build(graph, config, WeightType.INT8);
    };
  }

  private static DecoderWeights weights(DecoderConfig config, Recipe recipe) {
    return switch (recipe) {
      case GRAPH_F32, GRAPH_BF16 -> DecoderWeights.transposed(config);
      case KERNELS -> DecoderWeights.packed(config, WeightType.BF16);
      case KERNELS_INT8 -> DecoderWeights.packed(config, WeightType.INT8);
    };
  }

  private static void writeGraph(Function<Graph, BuiltGraph> builder, Path target)
      throws IOException {
    try (Graph graph = new Graph()) {
      BuiltGraph built = builder.apply(graph);
      MetaGraphDef.Builder meta =
          MetaGraphDef.newBuilder()
              .setMetaInfoDef(MetaGraphDef.MetaInfoDef.newBuilder().addTags("serve"))
              .setGraphDef(graph.toGraphDef())
              .setSaverDef(
                  SaverDef.newBuilder()
                      .setFilenameTensorName(built.restore().checkpointTensor())
                      .setRestoreOpName(built.restore().operation())
                      .setVersion(SaverDef.CheckpointFormatVersion.V2));
      for (GraphSignature signature : built.signatures()) {
        meta.putSignatureDef(signature.key(), signature.toProto());
      }
      try (OutputStream out = Files.newOutputStream(target.resolve("saved_model.pb"))) {
        SavedModel.newBuilder()
            .setSavedModelSchemaVersion(1)
            .addMetaGraphs(meta)
            .build()
            .writeTo(out);
      }
    }
  }

  /** Each group of variables is saved on its own, so that one layer is in memory at a time. */
  private static <V extends StoredVariable> void writeWeights(
      WeightSource<V> weights, Path target, ImportListener listener) throws IOException {
    Path parts = Files.createDirectory(target.resolve("parts"));
    Files.createDirectory(target.resolve("variables"));
    List<String> prefixes = new ArrayList<>();
    int done = 0;
    for (int group = 0; group < weights.groups(); group++) {
      int number = group;
      List<V> members = weights.variables().stream().filter(v -> v.group() == number).toList();
      String prefix = parts.resolve("part" + group).toString();
      save(weights, members, prefix);
      prefixes.add(prefix);
      done += members.size();
      listener.progress(ImportListener.Step.CONVERT_MODEL, done, weights.variables().size());
    }
    try (Graph graph = new Graph()) {
      Ops tf = Ops.create(graph);
      run(
          graph,
          tf.train.mergeV2Checkpoints(
              strings(tf, prefixes),
              tf.constant(target.resolve("variables/variables").toString()),
              MergeV2Checkpoints.deleteOldDirs(false)),
          Map.of());
    }
    CacheFolder.deleteAll(parts);
  }

  private static <V extends StoredVariable> void save(
      WeightSource<V> weights, List<V> members, String prefix) throws IOException {
    Map<Placeholder<?>, Tensor> feeds = new LinkedHashMap<>();
    try (Graph graph = new Graph()) {
      Ops tf = Ops.create(graph);
      List<String> names = new ArrayList<>();
      List<Operand<?>> values = new ArrayList<>();
      for (V variable : members) {
        Placeholder<?> value = tf.placeholder(variable.storedType());
        feeds.put(value, tensor(variable, weights.load().apply(variable)));
        values.add(value);
        names.add(variable.name());
      }
      Op save =
          tf.train.save(
              tf.constant(prefix),
              strings(tf, names),
              strings(tf, Collections.nCopies(names.size(), "")),
              values);
      run(graph, save, feeds);
    } finally {
      feeds.values().forEach(Tensor::close);
    }
  }

  private static Tensor tensor(StoredVariable variable, byte[] values) {
    return Tensor.of(variable.storedType(), variable.shape(), DataBuffers.of(values, true, false));
  }

  private static Operand<TString> strings(Ops tf, List<String> values) {
    return tf.constant(StandardCharsets.UTF_8, values.toArray(String[]::new));
  }

  private static void run(Graph graph, Op target, Map<Placeholder<?>, Tensor> feeds)
      throws IOException {
    try (Session session = new Session(graph)) {
      Session.Runner runner = session.runner().addTarget(target.op());
      feeds.forEach(runner::feed);
      runner.run().close();
    } catch (TensorFlowException e) {
      // a full disk is the likely reason; the first line has it
      throw new IOException(String.valueOf(e.getMessage()).lines().findFirst().orElse(""), e);
    }
  }

  /** The size of each file, so that a folder that something has damaged is noticed. */
  private static Map<String, Long> sizes(Path folder) throws IOException {
    Map<String, Long> sizes = new TreeMap<>();
    try (Stream<Path> paths = Files.walk(folder)) {
      for (Path path : (Iterable<Path>) paths.filter(Files::isRegularFile)::iterator) {
        String name = folder.relativize(path).toString();
        if (!name.equals(MANIFEST)) {
          sizes.put(name, Files.size(path));
        }
      }
    }
    return sizes;
  }

  private static String manifest(Path folder) throws IOException {
    StringBuilder text = new StringBuilder();
    sizes(folder).forEach((name, size) -> text.append(size).append(' ').append(name).append('\n'));
    return text.toString();
  }

  private static void writeManifest(Path folder) throws IOException {
    Files.writeString(folder.resolve(MANIFEST), manifest(folder));
  }

  private static boolean isWhole(Path folder) throws IOException {
    Path manifest = folder.resolve(MANIFEST);
    return Files.isRegularFile(manifest) && Files.readString(manifest).equals(manifest(folder));
  }
}
