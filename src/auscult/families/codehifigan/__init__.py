"""CodeHiFiGAN: HiFi-GAN on discrete speech units, with a duration predictor (StreamSpeech, fairseq, speech-resynthesis)."""
