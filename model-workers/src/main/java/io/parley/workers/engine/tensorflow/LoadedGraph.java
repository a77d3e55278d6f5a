package io.parley.workers.engine.tensorflow;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.tensorflow.engine.TfSymbolBlock;
import ai.djl.training.ParameterStore;
import io.parley.workers.engine.EngineException;
import java.io.IOException;
import java.nio.IntBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tensorflow.proto.ConfigProto;

/**
 * A SavedModel in a session, called by signature. Its variables, weights and KV memory, lie outside
 * of the Java heap; {@link #close} frees them.
 */
final class LoadedGraph implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LoadedGraph.class);

  private final Model model;
  private final Map<String, TfSymbolBlock> signatures;

  private LoadedGraph(Model model, Map<String, TfSymbolBlock> signatures) {
    this.model = model;
    this.signatures = signatures;
  }

  /**
   * @throws EngineException when TensorFlow cannot load it
   */
  static LoadedGraph open(Path savedModel, List<String> keys, ConfigProto session) {
    Model model = Model.newInstance("parley", Device.cpu(), "TensorFlow");
    Map<String, Object> options = new HashMap<>();
    options.put("Tags", new String[] {"serve"});
    options.put("SignatureDefKey", keys.get(0));
    options.put("ConfigProto", session);
    try {
      model.load(savedModel, null, options);
      TfSymbolBlock first = (TfSymbolBlock) model.getBlock();
      Map<String, TfSymbolBlock> signatures = new HashMap<>(Map.of(keys.get(0), first));
      for (String key : keys.subList(1, keys.size())) {
        signatures.put(key, new TfSymbolBlock(first.getSavedModelBundle(), key));
      }
      return new LoadedGraph(model, signatures);
    } catch (IOException | MalformedModelException | RuntimeException e) {
      model.close();
      throw new EngineException("cannot load " + savedModel + ": " + e.getMessage(), e);
    }
  }

  /** What is made of it is freed with it. */
  NDManager newManager() {
    return model.getNDManager().newSubManager();
  }

  static NDArray vector(NDManager manager, int... values) {
    return manager.create(IntBuffer.wrap(values), new Shape(values.length));
  }

  /** DJL takes the inputs in an order of its own. */
  NDArray call(String key, Map<String, NDArray> inputs, NDManager manager) {
    TfSymbolBlock block = signatures.get(key);
    NDList ordered = new NDList();
    for (String name : block.describeInput().keys()) {
      ordered.add(inputs.get(name));
    }
    NDArray output =
        block.forward(new ParameterStore(manager, false), ordered, false).singletonOrThrow();
    // DJL hangs it on the manager of the first input, which may outlive this call by far
    output.attach(manager);
    return output;
  }

  /** The last call: the variables' memory goes back to the system, if the graph can do that. */
  @Override
  public void close() {
    if (signatures.containsKey(GraphVariables.GIVE_BACK)) {
      try (NDManager manager = newManager()) {
        NDArray bytes = call(GraphVariables.GIVE_BACK, Map.of("go", vector(manager, 1)), manager);
        LOG.debug("{} MB of variables go back", Math.round(bytes.getFloat() / 1e6));
      } catch (RuntimeException e) {
        LOG.warn("The memory of a closed model stays with this process", e);
      }
    }
    model.close();
  }
}
