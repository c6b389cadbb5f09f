"""What only training needs: augmentation, corpus reader, config, encoder."""
