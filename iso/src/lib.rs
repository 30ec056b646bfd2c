//! ISO 9660 images with Rock Ridge, El Torito and a hybrid GPT.
