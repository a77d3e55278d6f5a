package io.parley.workers.model;

import io.parley.workers.encoder.EncoderConfig;
import io.parley.workers.encoder.EncoderFiles;
import io.parley.workers.encoder.EncoderTensors;
import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.engine.tensorflow.DecoderSupport;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.gguf.TensorInfo;
import io.parley.workers.safetensors.SafetensorsException;
import io.parley.workers.safetensors.SafetensorsFile;
import io.parley.workers.text.ChatTemplateException;
import io.parley.workers.text.TextSupport;
import io.parley.workers.text.TokenizerException;
import io.parley.workers.text.TokenizerFile;
import java.nio.file.Path;

/**
 * Whether a node can run a model. The store asks before it takes one in, and the node before it
 * loads one. What is not asked here: whether the numbers in the tensors make sense.
 */
public final class ModelSupport {
  private ModelSupport() {}

  /**
   * Checks a file's header, vocabulary and chat template.
   *
   * @throws ModelStoreException when it cannot be run, saying in one line what is not supported
   * @throws GgufException when the file is not sound
   */
  public static void check(GgufFile file) {
    try {
      DecoderSupport.check(file);
      int tokens = TextSupport.check(file.metadata());
      TensorInfo embedding = file.tensor("token_embd.weight");
      if (embedding.rows() != tokens) {
        throw new ModelStoreException(
            "the embedding has " + embedding.rows() + " rows, but the vocabulary " + tokens);
      }
    } catch (UnsupportedModelException | TokenizerException | ChatTemplateException e) {
      throw new ModelStoreException(e.getMessage(), e);
    }
  }

  /**
   * Checks an encoder's files.
   *
   * @return what they say
   * @throws ModelStoreException when it cannot be run, saying in one line why
   */
  public static EncoderConfig checkEncoder(Path weights) {
    try (SafetensorsFile file = SafetensorsFile.open(weights)) {
      EncoderConfig config = EncoderConfig.read(weights);
      EncoderTensors.check(file, config);
      TokenizerFile.read(EncoderFiles.tokenizer(weights), config.vocabularySize());
      return config;
    } catch (UnsupportedModelException | SafetensorsException | TokenizerException e) {
      throw new ModelStoreException(e.getMessage(), e);
    }
  }
}
